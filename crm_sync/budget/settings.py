"""The budget's settings, kept beside the ledger: they count for every process, whatever Prefect server it asks."""

from typing import Any

from sqlalchemy import Connection, select

from crm_sync.budget.rules import BudgetRules, Kept
from crm_sync.database.dialects import insert_for
from crm_sync.database.tables.budget import budget_setting


def settle_rules(connection: Connection, org: str, given: BudgetRules | None) -> BudgetRules:
    """Return the rules of an org: those given, which are kept from now on, else those kept, else the defaults."""
    kept = connection.scalars(select(budget_setting.c.rules).where(budget_setting.c.org == org)).one_or_none()
    if given is None:
        return BudgetRules() if kept is None else _rules(kept)
    row = _row(given)
    if row != kept:
        statement = insert_for(connection, budget_setting).values(org=org, rules=row)
        connection.execute(statement.on_conflict_do_update(index_elements=["org"], set_={"rules": row}))
    return given


def read_rules(connection: Connection, org: str, given: BudgetRules | None) -> BudgetRules:
    """Return the rules of an org without keeping any."""
    return given or settle_rules(connection, org, None)


def _row(rules: BudgetRules) -> dict[str, Any]:
    return {
        "per_hour": rules.per_hour,
        "share_of_day": rules.share_of_day,
        "stop_at": rules.stop_at,
        "kept": {flow: {"hour": kept.hour, "day": kept.day} for flow, kept in rules.kept.items()},
    }


def _rules(row: dict[str, Any]) -> BudgetRules:
    return BudgetRules(**row | {"kept": {flow: Kept(**kept) for flow, kept in row["kept"].items()}})

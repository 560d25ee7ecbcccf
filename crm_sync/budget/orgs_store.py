"""What the database keeps for an org: its one name, whoever logs in; its usage of the day; its budget rules.

Salesforce counts requests for the org, so those of two of its users belong together. Their org is its host, known
from their first session on.
"""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, update

from crm_sync.budget.rules import BudgetRules, OrgUsage
from crm_sync.database.dialects import insert_for, put_row
from crm_sync.database.tables.budget import alert, backlog, breaker, budget_setting, org_name, org_use
from crm_sync.database.tables.customers import request_ledger
from crm_sync.requests import ApiUsage

_BY_ORG = (org_use, breaker, backlog, alert, budget_setting)


def org_of(connection: Connection, key: str) -> str:
    """Return the name of the org that the credentials known by `key` lead to; `key` itself before any session."""
    return connection.scalars(select(org_name.c.org).where(org_name.c.key == key)).one_or_none() or key


def keys_of(connection: Connection, org: str) -> list[str]:
    """Return all credentials' keys that lead to the org; its own name is among them."""
    return [org, *connection.scalars(select(org_name.c.key).where(org_name.c.org == org))]


def name_org(connection: Connection, key: str, host: str) -> None:
    """Store that `key` leads to the org at `host`; what was counted under the key or an older name becomes the org's.

    Always: a process that did not know the name, and was killed, may have counted under the key meanwhile.
    """
    before = org_of(connection, key)
    for old in {key, before} - {host}:
        _rename(connection, old, host)
    if before != host:
        connection.execute(update(org_name).values(org=host).where(org_name.c.org == before))
        put_row(connection, org_name, {"key": key}, {"org": host})


def _rename(connection: Connection, old: str, new: str) -> None:
    connection.execute(update(request_ledger).values(org=new).where(request_ledger.c.org == old))
    for table in _BY_ORG:
        rows = connection.execute(select(table).where(table.c.org == old)).mappings().all()
        if rows:
            connection.execute(delete(table).where(table.c.org == old))
            moved = insert_for(connection, table).values([dict(row) | {"org": new} for row in rows])
            connection.execute(moved.on_conflict_do_nothing())


def read_org_usage(connection: Connection, org: str) -> OrgUsage | None:
    """Return the usage of the last answer, None before the first."""
    row = connection.execute(select(org_use).where(org_use.c.org == org)).mappings().one_or_none()
    return None if row is None else OrgUsage(**{name: value for name, value in row.items() if name != "org"})


def save_org_usage(connection: Connection, org: str, usage: ApiUsage, seen_at: datetime) -> None:
    """Store the usage of an answer, unless a newer one is stored."""
    row = asdict(usage) | {"seen_at": seen_at}
    statement = insert_for(connection, org_use).values(org=org, **row)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["org"], set_=row, where=org_use.c.seen_at <= seen_at)
    )


def renew_org_usage(connection: Connection, org: str, now: datetime) -> None:
    """Let the stored usage count as new until one request brings the next."""
    connection.execute(update(org_use).values(seen_at=now).where(org_use.c.org == org))


def read_rules(connection: Connection, org: str) -> BudgetRules:
    """Return the rules stored for an org, or the defaults."""
    return BudgetRules(**(_stored_rules(connection, org) or {}))


def store_rules(connection: Connection, org: str, rules: BudgetRules) -> None:
    """Store the rules of an org, for every process, whatever Prefect server it uses."""
    row = rules.model_dump(include=set(BudgetRules.model_fields))
    if row != _stored_rules(connection, org):
        put_row(connection, budget_setting, {"org": org}, {"rules": row})


def _stored_rules(connection: Connection, org: str) -> dict[str, Any] | None:
    return connection.scalars(select(budget_setting.c.rules).where(budget_setting.c.org == org)).one_or_none()

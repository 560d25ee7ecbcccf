"""One name for an org, whoever logs in to it: its host, as soon as a session has told it.

Salesforce counts requests for the org, so what two users of it have used belongs together.
"""

from sqlalchemy import Connection, delete, select, update

from crm_sync.database.dialects import insert_for
from crm_sync.database.tables.budget import alert, backlog, breaker, budget_setting, org_name, org_use
from crm_sync.database.tables.customers import request_ledger

_KEPT_BY_ORG = (org_use, breaker, backlog, alert, budget_setting)


def org_of(connection: Connection, key: str) -> str:
    """Return the name of the org that the credentials known by `key` lead to; `key` itself before any session."""
    return connection.scalars(select(org_name.c.org).where(org_name.c.key == key)).one_or_none() or key


def keys_of(connection: Connection, org: str) -> list[str]:
    """Return all credentials' keys that lead to the org; its own name is among them."""
    return [org, *connection.scalars(select(org_name.c.key).where(org_name.c.org == org))]


def name_org(connection: Connection, key: str, host: str) -> None:
    """Note that `key` leads to the org at `host`, and count for it what was counted under the key or an older name."""
    before = org_of(connection, key)
    # Always: a process that did not know the name, and was killed, may have counted under the key meanwhile.
    for old in {key, before} - {host}:
        _move(connection, old, host)
    if before != host:
        connection.execute(update(org_name).values(org=host).where(org_name.c.org == before))
        named = insert_for(connection, org_name).values(key=key, org=host)
        connection.execute(named.on_conflict_do_update(index_elements=["key"], set_={"org": host}))


def _move(connection: Connection, old: str, new: str) -> None:
    connection.execute(update(request_ledger).values(org=new).where(request_ledger.c.org == old))
    for table in _KEPT_BY_ORG:
        rows = [
            dict(row) | {"org": new} for row in connection.execute(select(table).where(table.c.org == old)).mappings()
        ]
        if rows:
            connection.execute(delete(table).where(table.c.org == old))
            connection.execute(insert_for(connection, table).values(rows).on_conflict_do_nothing())

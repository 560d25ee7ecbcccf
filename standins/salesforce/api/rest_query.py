"""query and queryAll, and the pages behind nextRecordsUrl."""

import re
from contextlib import closing
from typing import Any

from standins.salesforce.errors import SalesforceError
from standins.salesforce.http.messages import Answer, Request, json_answer
from standins.salesforce.org.org import Org
from standins.salesforce.org.snapshot import Snapshot
from standins.salesforce.soql.paths import Path
from standins.salesforce.soql.sql import Statement

_LOCATOR = re.compile(r"(\w{15,18})-(\d{1,9})", re.ASCII)


def query(org: Org, request: Request, version: str, resource: str) -> Answer:
    """Answer with the first page of a query; `queryAll` shows the recycle bin too."""
    soql = request.query.get("q")
    if soql is None:
        raise SalesforceError(400, "MALFORMED_QUERY", "A query string has to be specified")
    snapshot = org.query(soql, include_deleted=resource == "queryAll")
    page_size = org.settings.page_size
    if snapshot.statement.query.counts or snapshot.total <= page_size:
        with closing(snapshot):
            return json_answer(_page(snapshot, version, 0, snapshot.total, None))
    cursor_id = org.cursors.keep(snapshot, page_size)
    return json_answer(_page(snapshot, version, 0, page_size, cursor_id))


def query_more(org: Org, request: Request, version: str, resource: str, locator: str) -> Answer:
    """Answer with a further page; raise SalesforceError INVALID_QUERY_LOCATOR for a cursor that is gone."""
    match = _LOCATOR.fullmatch(locator)
    if match is None:
        raise SalesforceError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
    snapshot, page_size = org.cursors.get(match[1])
    page = _page(snapshot, version, int(match[2]), page_size, match[1])
    if org.settings.cursors_show_changes:
        # Salesforce documents neither behaviour, so clients have to handle both.
        rows = snapshot.current_records(int(match[2]), page_size)
        page["records"] = [record_body(snapshot.statement, row, version) for row in rows]
    return json_answer(page)


def _page(snapshot: Snapshot, version: str, offset: int, size: int, cursor_id: str | None) -> dict[str, Any]:
    counts = snapshot.statement.query.counts
    found = iter(()) if counts else snapshot.records(offset, size)
    records = [record_body(snapshot.statement, row, version) for row in found]
    done = counts or offset + size >= snapshot.total
    page: dict[str, Any] = {"totalSize": snapshot.total, "done": done}
    if not done:
        page["nextRecordsUrl"] = f"/services/data/v{version}/query/{cursor_id}-{offset + size}"
    return page | {"records": records}


def record_body(statement: Statement, row: dict[str, Any], version: str, path: Path = ()) -> dict[str, Any] | None:
    """Return the record at the end of `path`, its parents inside of it; None where there is no such parent."""
    place, record_id = statement.places[path], row.get(".".join((*path, "Id")))
    if path and record_id is None:
        return None
    url = f"/services/data/v{version}/sobjects/{place.table}/{record_id}"
    record: dict[str, Any] = {"attributes": {"type": place.sobject.name} | ({"url": url} if record_id else {})}
    for column in statement.columns:
        names = (*column.place.path, column.field.name)
        if names[: len(path)] != path:
            continue
        name, further = names[len(path)], names[len(path) + 1 :]
        if not further:
            record[name] = row[column.name]
        elif name not in record:
            record[name] = record_body(statement, row, version, (*path, name))
    return record

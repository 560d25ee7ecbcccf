"""query and queryAll, and the pages behind nextRecordsUrl."""

import re
from typing import Any

from .errors import SalesforceError
from .messages import Answer, Request, json_answer
from .org import Org
from .snapshot import Snapshot

_BATCH_SIZE = re.compile(r"batchSize\s*=\s*(\d{1,6})", re.IGNORECASE)
_LOCATOR = re.compile(r"(\w{15,18})-(\d{1,9})", re.ASCII)
_SMALLEST_PAGE = 200


def query(org: Org, request: Request, version: str, resource: str) -> Answer:
    """Answer with the first page of a query; `queryAll` shows the recycle bin too."""
    soql = request.query.get("q")
    if soql is None:
        raise SalesforceError(400, "MALFORMED_QUERY", "A query string has to be specified")
    snapshot = org.query(soql, include_deleted=resource == "queryAll")
    if snapshot.statement.query.counts or snapshot.total <= (page_size := _page_size(org, request)):
        try:
            return json_answer(_page(snapshot, version, 0, snapshot.total, None))
        finally:
            snapshot.close()
    cursor_id = org.cursors.keep(snapshot, page_size)
    return json_answer(_page(snapshot, version, 0, page_size, cursor_id))


def query_more(org: Org, request: Request, version: str, resource: str, locator: str) -> Answer:
    """Answer with a further page; raise SalesforceError INVALID_QUERY_LOCATOR for a cursor that is gone."""
    match = _LOCATOR.fullmatch(locator)
    if match is None:
        raise SalesforceError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
    snapshot, page_size = org.cursors.get(match[1])
    return json_answer(_page(snapshot, version, int(match[2]), page_size, match[1]))


def _page(snapshot: Snapshot, version: str, offset: int, size: int, cursor_id: str | None) -> dict[str, Any]:
    counts = snapshot.statement.query.counts
    name = snapshot.statement.sobject.name
    records = [] if counts else [_record(row, name, version) for row in snapshot.records(offset, size)]
    done = counts or offset + size >= snapshot.total
    page: dict[str, Any] = {"totalSize": snapshot.total, "done": done}
    if not done:
        page["nextRecordsUrl"] = f"/services/data/v{version}/query/{cursor_id}-{offset + size}"
    return page | {"records": records}


def _record(row: dict[str, Any], name: str, version: str) -> dict[str, Any]:
    url = f"/services/data/v{version}/sobjects/{name}"
    attributes = {"type": name} | ({"url": f"{url}/{row['Id']}"} if "Id" in row else {})
    return {"attributes": attributes} | row


def _page_size(org: Org, request: Request) -> int:
    match = _BATCH_SIZE.search(request.headers.get("sforce-query-options", ""))
    wanted = int(match[1]) if match else org.settings.page_size
    return min(max(wanted, min(_SMALLEST_PAGE, org.settings.page_size)), org.settings.page_size)

"""`python -m deployments.list_as_csv KEY > list.csv`: a list that a run left as a page, with all its rows, for a
spreadsheet.
"""

import argparse
import csv
import json
import re
import sys
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import Artifact
from prefect.client.schemas.sorting import ArtifactSort

from crm_sync.errors import ConfigurationError
from deployments.way_in import server_in_a_sentence

_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
# Also a phone number.
_NUMBER = re.compile(r"[+-][\d\s().,/-]*")


def main() -> None:
    """Write the rows, or say why there are none."""
    parser = argparse.ArgumentParser(prog="python -m deployments.list_as_csv", description=__doc__)
    parser.add_argument("key", help="name of the page, such as full-sync-rejected-records")
    try:
        with server_in_a_sentence():
            rows = read_list(parser.parse_args().key)
    except ConfigurationError as problem:
        raise SystemExit(str(problem)) from None
    sheet = csv.DictWriter(sys.stdout, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
    sheet.writeheader()
    sheet.writerows({name: _harmless(value) for name, value in row.items()} for row in rows)


def read_list(key: str) -> list[dict[str, Any]]:
    """Return the rows of the newest list under a key, also those that the page itself does not show.

    Raises ConfigurationError when there is no such page, or it is no list.
    """
    with get_client(sync_client=True) as client:
        found = _newest(client, key)
        named = re.findall(rf"/({re.escape(key)}-all(?:-\d+)?)\)", found.description or "") if found else []
        further = [_newest(client, name) for name in named]
    if found is None:
        raise ConfigurationError(f"No run has left a page {key!r}; its name stands in the tab Artifacts of the run.")
    if found.type != "table":
        raise ConfigurationError(f"The page {key!r} is no list; the lists of a run stand beside it.")
    parts = [part for part in further if part] or [found]
    return [row for part in parts for row in json.loads(str(part.data))]


def _harmless(value: Any) -> Any:
    """Return a value that no spreadsheet takes for a formula: anybody may have typed it into a form on a web site."""
    is_formula = isinstance(value, str) and value.startswith(_FORMULAS) and not _NUMBER.fullmatch(value)
    return f"'{value}" if is_formula else value


def _newest(client: SyncPrefectClient, key: str) -> Artifact | None:
    under_key = ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
    return next(iter(client.read_artifacts(limit=1, sort=ArtifactSort.UPDATED_DESC, artifact_filter=under_key)), None)


if __name__ == "__main__":
    main()

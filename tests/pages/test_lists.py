"""Lists of records are whole: the first thousand rows on one page, all on the next; the verdict comes first."""

import json
import re
import sys
from pathlib import Path

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import Artifact
from prefect.settings import get_current_settings

from crm_sync.errors import ConfigurationError
from crm_sync.runs.states import RunState
from deployments.list_as_csv import main, read_list
from tasks.pages.markdown import publish_page, publish_table


def _artifact(key: str) -> Artifact:
    with get_client(sync_client=True) as client:
        (found,) = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
    return found


def _published(key: str) -> tuple[int, str]:
    """Return the number of rows of the page under a key, and its description."""
    found = _artifact(key)
    return str(found.data).count("row "), str(found.description)


@flow(name="lists")
def publish_lists() -> None:
    rows = [{"name": f"row {number}"} for number in range(1200)]
    publish_table("long-list", rows, "1,200 rows.", state=RunState.WITH_REJECTS)
    publish_table("short-list", rows[:3], "3 rows.", in_all=5000)
    texts = ["a, b", '=HYPERLINK("https://evil.example")', "+31 (0)20-555", "-1.5", "@SUM(1)", "-2+cmd|' /C calc'!A0"]
    publish_table("records", [{"record": "003A", "reason": text} for text in texts], "1 record.")
    publish_page("a-page", "Page", "Ten customers left.", state=RunState.COMPLETED)


@pytest.mark.flow
def test_long_list_has_a_page_of_its_first_rows_and_one_of_all(prefect_home: Path) -> None:
    publish_lists()

    shown, said = _published("long-list")
    assert (shown, said.startswith("Completed with rejects: 1,200 rows.")) == (1000, True)
    assert "(/v2/artifacts/key/long-list-all)" in said
    assert _published("long-list-all")[0] == 1200
    assert _published("short-list") == (3, "3 rows. Shown are the first 3 of 5,000.")
    assert _published("a-page")[1] == "Completed: Ten customers left."


@flow(name="large list")
def publish_large_list(number: int) -> None:
    rows = [{"name": f"row {one}", "reason": '"é"' * 60} for one in range(number)]
    publish_table("large-list", rows, f"{number} rows.")


@pytest.mark.flow
def test_list_that_is_too_large_for_an_event_of_prefect_comes_in_parts(prefect_home: Path) -> None:
    publish_large_list(4000)

    assert [int(row["name"].split()[1]) for row in read_list("large-list")] == list(range(4000))
    said = _published("large-list")[1]
    assert "All: [large-list-all](/v2/artifacts/key/large-list-all), [large-list-all-2]" in said
    last = said.rpartition("/key/")[2].removesuffix(").")
    assert _published(last)[1].endswith(" to 4,000 of 4,000.")
    room = get_current_settings().server.events.maximum_size_bytes
    assert all(len(json.dumps(str(_artifact(key).data))) < room for key in re.findall(r"/key/([\w-]+)", said))
    # A shorter list does not bring the parts of the one before.
    publish_large_list(1100)
    assert len(read_list("large-list")) == 1100


@pytest.mark.flow
def test_lists_come_whole_into_a_spreadsheet(
    prefect_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    publish_lists()

    assert len(read_list("long-list")) == 1200
    monkeypatch.setattr(sys, "argv", ["list_as_csv", "records"])
    main()
    assert capsys.readouterr().out.splitlines()[-7:] == [
        "record,reason",
        '003A,"a, b"',
        '003A,"\'=HYPERLINK(""https://evil.example"")"',
        "003A,+31 (0)20-555",
        "003A,-1.5",
        "003A,'@SUM(1)",
        "003A,'-2+cmd|' /C calc'!A0",
    ]
    for key, said in (("a-page", "is no list"), ("nowhere", "No run has left")):
        with pytest.raises(ConfigurationError, match=said):
            read_list(key)

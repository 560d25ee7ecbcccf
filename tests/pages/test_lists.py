"""Lists of records are whole: the first thousand rows on one page, all on the next; the verdict comes first."""

import sys
from pathlib import Path

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from crm_sync.errors import ConfigurationError
from crm_sync.runs.states import RunState
from deployments.list_as_csv import main, read_list
from tasks.pages.markdown import publish_page, publish_table


def _published(key: str) -> tuple[int, str]:
    """Return the number of rows of the page under a key, and its description."""
    with get_client(sync_client=True) as client:
        (found,) = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
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

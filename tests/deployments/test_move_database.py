"""The command that moves the customer database: what it says, and that it moves nothing into what is in use."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crm_sync.database.engine import CustomerDatabase
from crm_sync.runs.history_store import start_run
from deployments.move_database import main


def test_it_says_what_it_moved_and_does_not_move_into_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = (f"sqlite:///{tmp_path / name}.db" for name in ("old", "new"))
    with closing(CustomerDatabase(old)) as database, database.transaction() as connection:
        start_run(connection, "full_sync", "org", None, datetime(2026, 11, 23, tzinfo=UTC))

    assert main([old, new]) == 0
    assert "sync_run: 1 rows" in capsys.readouterr().out
    assert main([new, new]) == 1
    assert "same database" in capsys.readouterr().err


def test_database_without_rows_is_not_moved_but_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mistyped, new = (f"sqlite:///{tmp_path / name}.db" for name in ("mistyped", "new"))

    assert main([mistyped, new]) == 1

    told = capsys.readouterr()
    assert "has no rows" in told.err
    assert "All is in" not in told.out


def test_address_that_cannot_be_read_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"sqlite:///{tmp_path / 'old.db'}", "mysql://ada:s3cret@host/db"]) == 1

    said = capsys.readouterr().err
    assert "cannot be mysql" in said
    assert "s3cret" not in said


def test_name_of_a_database_shows_no_password_wherever_it_stands(tmp_path: Path) -> None:
    database = CustomerDatabase(f"sqlite:///{tmp_path / 'new.db'}?timeout=7")

    assert database.name == f"sqlite:///{tmp_path / 'new.db'}"
    database.close()

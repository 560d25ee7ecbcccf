"""Contact moments are recorded in any order, and repeats change nothing."""

from datetime import datetime, timedelta, timezone

import pandas as pd
import pytest
from sqlalchemy import select

from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.moments import contact_moment
from crm_sync.moments.record_store import record_moments
from tests.moments.exporter import NOW, SENT, Row, at, moment

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def stored(database: CustomerDatabase) -> dict[str, Row]:
    """Return the moments by id."""
    with database.transaction() as connection:
        return {row.moment_id: dict(row._mapping) for row in connection.execute(select(contact_moment))}


def test_moment_is_stored_as_it_was_recorded(database: CustomerDatabase) -> None:
    recorded = moment(
        subject='née "X", 1\nline', campaign="Spring", opens=2, first_opened_at=at(1), last_opened_at=at(3)
    )

    assert record_moments(database, [recorded], NOW) == 1

    row = stored(database)["m1"]
    assert {name: row[name] for name in recorded} == recorded
    assert (row["version"], row["changed_at"], row["clicks"], row["bounced_at"]) == (1, NOW, 0, None)


def test_repeat_changes_nothing(database: CustomerDatabase) -> None:
    recorded = [moment(opens=2, first_opened_at=at(1)), moment("m2", subject="News")]
    record_moments(database, recorded, NOW)
    before = stored(database)

    assert record_moments(database, recorded, NOW + timedelta(days=1)) == 0
    assert stored(database) == before


def test_order_of_calls_does_not_matter(database: CustomerDatabase) -> None:
    early = moment("early", opens=1, first_opened_at=at(1), last_opened_at=at(1), delivered_at=at(0))
    late = moment("early", opens=5, first_opened_at=at(2), last_opened_at=at(9), clicks=1, first_clicked_at=at(9))
    for recorded in (early, late):
        record_moments(database, [recorded], NOW)
    for recorded in (late, early):
        record_moments(database, [recorded | {"moment_id": "late"}], NOW)
    record_moments(database, [one | {"moment_id": "both"} for one in (late, early)], NOW)

    rows = stored(database)

    own = {"moment_id", "version"}
    facts = [{name: value for name, value in row.items() if name not in own} for row in rows.values()]
    assert facts[0] == facts[1] == facts[2]
    assert (rows["late"]["opens"], rows["late"]["first_opened_at"], rows["late"]["last_opened_at"]) == (5, at(1), at(9))


def test_every_change_counts_even_at_the_same_instant(database: CustomerDatabase) -> None:
    for opens in (1, 2, 2, 3):
        record_moments(database, [moment(opens=opens)], NOW)

    assert stored(database)["m1"]["version"] == 3


def test_newest_text_counts_and_a_missing_one_keeps_what_is_known(database: CustomerDatabase) -> None:
    record_moments(database, [moment(subject="Old", campaign="Spring", bounce_reason="full")], NOW)
    record_moments(database, [moment(customer_id=2, subject="New", campaign=None, bounce_reason=" ")], NOW)

    row = stored(database)["m1"]
    assert (row["subject"], row["campaign"], row["bounce_reason"], row["customer_id"]) == ("New", "Spring", "full", 2)


def test_text_loses_nul_characters(database: CustomerDatabase) -> None:
    record_moments(database, [moment(subject="Ne\0ws", campaign="\0")], NOW)

    assert (stored(database)["m1"]["subject"], stored(database)["m1"]["campaign"]) == ("News", None)


def test_moments_come_as_a_frame_in_any_zone(database: CustomerDatabase) -> None:
    amsterdam = timezone(timedelta(hours=1))
    frame = pd.DataFrame(
        {
            "moment_id": [1, 2],
            "customer_id": [1.0, 2.0],
            "sent_at": ["2026-01-01T10:00:00+01:00", "2026-07-01T11:00:00+02:00"],
            "bounced_at": [pd.Timestamp(2026, 1, 1, 11, tzinfo=amsterdam), None],
            "opens": [None, 3],
        }
    )
    with database.transaction() as connection:
        record_moments(connection, frame, NOW)

    rows = stored(database)
    assert (rows["1"]["sent_at"], rows["1"]["bounced_at"], rows["1"]["opens"]) == (SENT, at(1), 0)
    assert (rows["2"]["sent_at"].hour, rows["2"]["bounced_at"], rows["2"]["opens"]) == (9, None, 3)


REFUSED: list[tuple[Row, str]] = [
    ({"colour": "red"}, "no column colour"),
    ({"moment_id": None}, "a value in moment_id"),
    ({"moment_id": " "}, "1 to 64 characters"),
    ({"moment_id": "x" * 65}, "1 to 64 characters"),
    ({"moment_id": "ada@x.org\0"}, "1 to 64 characters"),
    ({"customer_id": None}, "a value in customer_id"),
    ({"customer_id": "ada@x.org"}, "customer_id has a value that is no whole number"),
    ({"opens": 1.5}, "opens has a value that is no whole number"),
    ({"opens": -1}, "less than 0"),
    ({"sent_at": None}, "a value in sent_at"),
    ({"sent_at": datetime(2026, 1, 1)}, "sent_at has a moment without a time zone"),  # noqa: DTZ001  # refused
    ({"bounced_at": "2026-01-01 10:00"}, "bounced_at has a moment without a time zone"),
    ({"bounced_at": "ada@x.org"}, "bounced_at has a value that is no moment"),
]


@on_sqlite
def test_frame_that_is_not_as_agreed_is_refused_whole_without_its_values(database: CustomerDatabase) -> None:
    for changes, said in REFUSED:
        with pytest.raises(ValueError, match=said) as refused:
            record_moments(database, [moment("good"), moment() | changes], NOW)
        assert "ada@x.org" not in str(refused.value), said
        assert stored(database) == {}, said


@on_sqlite
def test_no_moments_are_no_change(database: CustomerDatabase) -> None:
    assert record_moments(database, [], NOW) == 0
    assert record_moments(database, pd.DataFrame(), NOW) == 0


@on_sqlite
def test_half_of_a_character_costs_no_other_moment(database: CustomerDatabase) -> None:
    recorded = [moment("m1", subject="Hi \ud83d"), moment("m2", subject="News"), moment("m3\udc00")]

    assert record_moments(database, recorded, NOW) == 3

    rows = stored(database)
    assert (rows["m1"]["subject"], rows["m2"]["subject"]) == ("Hi \ufffd", "News")
    assert "m3\ufffd" in rows


@on_sqlite
def test_key_is_as_long_as_salesforce_counts_it(database: CustomerDatabase) -> None:
    assert record_moments(database, [moment("\U0001f4e7" * 32)], NOW) == 1
    with pytest.raises(ValueError, match="64 characters"):
        record_moments(database, [moment("\U0001f4e7" * 33)], NOW)

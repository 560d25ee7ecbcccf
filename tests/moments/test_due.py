"""Contact moments are due for the record that stands for their customer now."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from crm_sync.database.engine import CustomerDatabase
from crm_sync.moments.due_store import DueFilter, count_due, read_due
from crm_sync.moments.record_store import record_moments
from crm_sync.moments.results_store import count_refusals, count_results, store_results
from crm_sync.moments.settings import MomentRules
from deployments.demo.customers import some_customers
from deployments.demo.moments import demo_moments
from tests.moments.exporter import CONTACT, FINGERPRINTS, LEAD, NOW, SENT, Exporter, Row, accepted, at, moment
from tests.rigs.story import Story


@pytest.fixture
def exporter(story: Story, database: CustomerDatabase) -> Exporter:
    """Start without moments."""
    return Exporter(story, database)


def test_moment_goes_to_the_contact_before_the_lead(exporter: Exporter) -> None:
    exporter.story.land(Story.lead(1, "a@x"), Story.lead(2, "b@x"))
    exporter.story.land(Story.contact(1, "a@x"))
    exporter.record("a@x", "b@x")

    assert exporter.due() == {"a@x": ["003000000000000001"], "b@x": ["00Q000000000000002"]}


def test_both_objects_get_it_when_the_setting_says_so(exporter: Exporter) -> None:
    contact = "003000000000000001"
    converted: Row = {"IsConverted": "true", "ConvertedContactId": contact}
    exporter.story.land(Story.lead(1, "a@x"), Story.lead(2, "a@x"), Story.lead(3, "b@x", **converted))
    exporter.story.land(Story.contact(1, "b@x"), Story.contact(2, "a@x"))
    exporter.record("a@x", "b@x")

    due = exporter.due(MomentRules(max_age_days=0, both_objects=True))

    assert due == {"a@x": ["003000000000000002", "00Q000000000000002"], "b@x": [contact]}


@pytest.mark.parametrize("is_known", [True, False])
def test_moments_of_a_converted_lead_go_to_its_contact(exporter: Exporter, is_known: bool) -> None:
    exporter.story.land(Story.lead(1, "a@x"))
    exporter.record("a@x")
    exporter.export()
    if is_known:
        exporter.story.land(Story.contact(5, "other@x"))
    converted: Row = {"IsConverted": "true", "ConvertedContactId": "003000000000000005"}
    exporter.story.land(Story.lead(1, "a@x", at=1, **converted))

    assert exporter.due() == {"a@x": ["003000000000000005"]}


def test_converted_lead_whose_contact_is_deleted_waits(exporter: Exporter) -> None:
    converted: Row = {"IsConverted": "true", "ConvertedContactId": "003000000000000005"}
    exporter.story.land(Story.lead(1, "a@x", **converted))
    exporter.story.land(Story.contact(5, "a@x"))
    exporter.record("a@x")
    exporter.story.land(Story.contact(5, "a@x", at=1, IsDeleted="true"))

    assert (exporter.due(), exporter.waiting()) == ({}, 1)


def test_moments_of_merge_losers_go_to_the_last_master(exporter: Exporter) -> None:
    first, second, third = (f"00300000000000000{n}" for n in (1, 2, 3))
    exporter.story.land(Story.contact(1, "a@x"), Story.contact(2, "b@x"), Story.contact(3, "c@x"))
    exporter.record("a@x", "b@x", "c@x")
    exporter.export()
    exporter.story.land(Story.contact(1, "a@x", at=1, IsDeleted="true", MasterRecordId=second))
    assert exporter.due() == {"a@x": [second]}
    exporter.story.land(Story.contact(2, "b@x", at=2, IsDeleted="true", MasterRecordId=third))

    assert exporter.due() == {"a@x": [third], "b@x": [third]}
    assert first not in str(exporter.due())


def test_moments_follow_a_joined_customer(exporter: Exporter) -> None:
    exporter.story.land(Story.contact(1, "a@x"), Story.contact(2, "b@x"))
    exporter.record("a@x")
    exporter.story.land(Story.contact(1, "b@x", at=1))
    assert exporter.story.customer("a@x")["merged_into_customer_id"] == exporter.story.customer("b@x")["id"]

    assert exporter.due() == {"a@x": ["003000000000000001"]}


def test_customer_without_a_usable_record_makes_moments_wait_until_there_is_one(exporter: Exporter) -> None:
    exporter.story.land(Story.contact(1, "a@x"))
    exporter.record("a@x")
    exporter.story.land(Story.contact(1, "a@x", at=1, IsDeleted="true"))
    record_moments(exporter.database, [moment("of nobody", 999)], NOW)
    assert (exporter.due(), exporter.waiting()) == ({}, 2)

    exporter.story.land(Story.lead(4, "a@x"))

    assert (exporter.due(), exporter.waiting()) == ({"a@x": ["00Q000000000000004"]}, 1)


def test_exported_moment_is_due_again_only_when_it_changes(exporter: Exporter) -> None:
    exporter.story.land(Story.contact(1, "a@x"), Story.contact(2, "b@x"))
    exporter.record("a@x", "b@x")
    exporter.export()
    assert exporter.due() == {}

    exporter.record("b@x", opens=1)

    assert list(exporter.due()) == ["b@x"]
    exporter.story.land(Story.contact(1, "a@x", at=1))
    assert list(exporter.due()) == ["b@x"], "that its contact changed is no reason to write a moment again"


def test_other_names_or_settings_make_everything_due(exporter: Exporter, database: CustomerDatabase) -> None:
    exporter.story.land(Story.contact(1, "a@x"))
    exporter.record("a@x")
    exporter.export()

    with database.transaction() as connection:
        due_filter = DueFilter(MomentRules(), {**FINGERPRINTS, CONTACT: "another"}, NOW + timedelta(days=2))
        assert count_due(connection, due_filter)[CONTACT].due == 1


def test_refused_moment_is_due_when_that_can_help(exporter: Exporter) -> None:
    refusals = {"transient": True, "limit": True, "data": False, "target_deleted": False, "permission": False}
    refusals |= {"automation": False, "too_many": True, "unknown": True}
    exporter.story.land(*(Story.contact(n, f"{refusal}@x") for n, refusal in enumerate(refusals)))
    for refusal in refusals:
        exporter.record(f"{refusal}@x")
        exporter.export(refusal=refusal, code="ANY", only=f"{refusal}@x")

    def due(*, refused_again: bool = False) -> set[str]:
        return {address.removesuffix("@x") for address in exporter.due(refused_again=refused_again)}

    assert due() == {refusal for refusal, is_due in refusals.items() if is_due}
    assert due(refused_again=True) == set(refusals)
    exporter.started_at += timedelta(days=1)
    daily = {"permission", "automation", "unknown"}
    assert due() == {"transient", "too_many", "limit", *daily}, "an administrator may have mended it"
    exporter.story.land(*(Story.contact(n, f"{refusal}@x", at=1) for n, refusal in enumerate(refusals)))
    assert due() == set(refusals), "their contacts changed"


def test_tries_are_counted_until_one_goes_well(exporter: Exporter) -> None:
    exporter.story.land(Story.contact(1, "a@x"))
    exporter.record("a@x")
    for attempts in (1, 2):
        exporter.export(refusal="transient", code="UNABLE_TO_LOCK_ROW")
        row = exporter.exports()["a@x"]
        assert (row["attempts"], row["error_code"], row["exported_at"]) == (attempts, "UNABLE_TO_LOCK_ROW", None)

    exporter.export()

    row = exporter.exports()["a@x"]
    assert (row["attempts"], row["refusal"], row["error_code"], row["content"]) == (0, None, None, "1")
    assert row["exported_at"] == row["first_exported_at"] == row["tried_at"] == exporter.started_at


def test_refusal_keeps_the_values_that_salesforce_accepted_before(exporter: Exporter) -> None:
    exporter.story.land(Story.contact(1, "a@x"))
    exporter.record("a@x")
    exporter.export()
    exported_at = exporter.started_at
    exporter.record("a@x", opens=1)
    exporter.export(refusal="data", code="STRING_TOO_LONG")

    row = exporter.exports()["a@x"]
    assert (row["content"], row["exported_at"], row["attempts"]) == ("1", exported_at, 1)


def test_results_are_counted_by_object_and_cause(exporter: Exporter) -> None:
    exporter.story.land(Story.contact(1, "a@x"))
    exporter.story.land(Story.lead(1, "b@x"), Story.lead(2, "c@x"))
    exporter.record("a@x", "b@x")
    exporter.export()
    exporter.record("a@x", opens=1)
    exporter.record("c@x")
    exporter.export(refusal="data", code="STRING_TOO_LONG")
    exporter.record("b@x", opens=1)
    exporter.export()
    exporter.record("b@x", opens=2)
    exporter.export(sent=False)

    def counted(connection: Connection, minutes: int) -> Any:
        return count_results(connection, exporter.started_at - timedelta(minutes=minutes))

    with exporter.database.transaction() as connection:
        assert counted(connection, 0)[LEAD].unchanged == 1
        assert counted(connection, 1)[LEAD].updated == 1
        assert counted(connection, 2)[CONTACT].refused == 1
        refusals = [("Contact", "data", "STRING_TOO_LONG", 1), ("Lead", "data", "STRING_TOO_LONG", 1)]
        assert sorted(count_refusals(connection)) == refusals
        assert count_refusals(connection, exporter.started_at) == []


def test_volume_controls_choose_the_moments(exporter: Exporter) -> None:
    exporter.story.land(*(Story.contact(n, f"{key}@x") for n, key in enumerate("abcd")))
    exporter.record("a@x", sent_at=SENT - timedelta(days=30), bounced_at=at(1))
    exporter.record("b@x", campaign="Spring", first_clicked_at=at(1))
    exporter.record("c@x", campaign="Autumn", first_opened_at=at(1))
    exporter.record("d@x", campaign="spring", first_machine_opened_at=at(1))
    chosen: list[tuple[dict[str, Any], str]] = [
        ({}, "abcd"),
        ({"max_age_days": 3}, "bcd"),
        ({"campaigns": ["Spring", "Autumn"]}, "bc"),
        ({"kinds": ["opened"]}, "c"),
        ({"kinds": ["opened"], "ignore_machine_opens": False}, "cd"),
        ({"kinds": ["clicked", "bounced"]}, "ab"),
        ({"kinds": ["unsubscribed", "delivered"]}, ""),
    ]

    for settings, moments in chosen:
        due = exporter.due(MomentRules(**{"max_age_days": 0, **settings}))
        assert "".join(due).replace("@x", "") == moments, settings


def test_a_run_takes_the_moments_of_one_record_together_and_none_twice(exporter: Exporter) -> None:
    exporter.story.land(Story.contact(1, "a@x"), Story.contact(2, "b@x"))
    customers = [exporter.story.customer(key)["id"] for key in ("a@x", "b@x")]
    record_moments(exporter.database, [moment(f"m{n}", customers[n % 2]) for n in range(6)], NOW)
    due_filter = exporter.due_filter()

    with exporter.database.transaction() as connection:
        first = read_due(connection, due_filter, 4)
        store_results(connection, accepted(first, content=None, refusal="transient"), due_filter.started_at)
        second = read_due(connection, due_filter, 4)

    assert first["moment_id"].tolist() == ["m0", "m2", "m4", "m1"]
    assert second["moment_id"].tolist() == ["m3", "m5"]
    assert first["sent_at"].tolist() == ["2026-01-01T09:00:00Z"] * 4


def test_moment_that_changes_while_it_is_written_is_due_again(exporter: Exporter) -> None:
    exporter.story.land(Story.contact(1, "a@x"))
    exporter.record("a@x")
    due_filter = exporter.due_filter()
    with exporter.database.transaction() as connection:
        due = read_due(connection, due_filter, 1000)
    exporter.record("a@x", opens=1)

    with exporter.database.transaction() as connection:
        store_results(connection, accepted(due), due_filter.started_at)

    assert list(exporter.due()) == ["a@x"]


def test_invented_moments_are_the_same_for_the_same_seed(exporter: Exporter) -> None:
    exporter.story.land(*(Story.contact(n, f"{n}@x") for n in range(30)))

    first = demo_moments(exporter.database, seed=1, now=NOW)

    assert first == 4 * 30
    assert demo_moments(exporter.database, seed=1, now=NOW) == 0
    assert demo_moments(exporter.database, seed=1, now=NOW + timedelta(days=1)) > 0
    assert len(exporter.due()) == first


def test_some_customers_are_those_that_salesforce_knows(exporter: Exporter) -> None:
    exporter.story.land(*(Story.contact(n, f"{n}@x") for n in range(9)))

    with exporter.database.transaction() as connection:
        found = some_customers(connection, 3)

    assert len(found) == 3
    assert set(found) <= {row["id"] for row in exporter.story.customers().values()}


def test_unknown_refusal_is_tried_by_the_next_runs_and_then_once_a_day(exporter: Exporter) -> None:
    exporter.story.land(Story.contact(1, "a@x"))
    exporter.record("a@x")
    tries = 0
    while exporter.due() and tries < 10:
        exporter.export(refusal="unknown", code="SOME_CODE_OF_NEXT_YEAR")
        tries += 1

    assert tries == 4
    exporter.started_at += timedelta(days=1)
    assert set(exporter.due()) == {"a@x"}


def test_moment_that_was_moved_is_due_for_the_record_that_holds_it(exporter: Exporter) -> None:
    exporter.story.land(Story.lead(1, "a@x"), Story.lead(2, "b@x"))
    exporter.story.land(Story.contact(3, "c@x"))
    exporter.record("a@x", "b@x", subject="Hi")
    exporter.export()
    assert exporter.due() == {}
    customers = exporter.story.customers()
    moved = [moment("a@x", customers["c@x"]["id"]), moment("b@x", customers["a@x"]["id"])]
    record_moments(exporter.database, moved, NOW)

    lead, other, contact = "00Q000000000000001", "00Q000000000000002", "003000000000000003"
    assert exporter.due() == {"a@x": [contact, lead], "b@x": [lead]}, f"the one of {other} moves to {lead}"
    exporter.export(refusal="transient")
    assert set(exporter.due()) == {"a@x", "b@x"}
    exporter.export()
    assert exporter.due() == {}

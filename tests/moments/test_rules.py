"""What is written of a moment, what it costs, and what is said of it; without a database or an org."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from crm_sync.budget.rules import BudgetRules, OrgUsage, sustained_rate
from crm_sync.errors import LimitReachedError
from crm_sync.moments.due_store import DueCount
from crm_sync.moments.forecast import Backlog, MomentForecast, backlog, forecast, possible_from
from crm_sync.moments.objects import MomentFields, MomentObjects
from crm_sync.moments.payload import apply_results, expected_results, moment_writes, payload_fingerprint, record_hashes
from crm_sync.moments.results_store import ResultCounts
from crm_sync.moments.settings import MomentKind, MomentRules
from crm_sync.moments.summary import MomentExportSummary
from crm_sync.salesforce.write.records import CLEAR
from crm_sync.sobject import SObject
from tests.rigs.budget import rules

LEAD, CONTACT = SObject.LEAD, SObject.CONTACT
OURS = MomentObjects()
NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
_TEXTS = (
    *("subject", "campaign", "mailing", "bounce_category", "bounce_reason", "online_version_url", "content"),
    *("delivered_at", "first_opened_at", "last_opened_at", "first_machine_opened_at", "last_machine_opened_at"),
    *("first_clicked_at", "last_clicked_at", "bounced_at", "unsubscribed_at", "parent_stamp"),
)


def due(*moments: dict[str, Any]) -> pd.DataFrame:
    """Return due moments of a contact, with these values where there are some."""
    nothing = dict.fromkeys(_TEXTS) | {"sobject": "Contact", "parent_id": "003A", "sent_at": "2026-11-01T09:00:00Z"}
    numbers = dict.fromkeys(("version", "customer_id", "opens", "machine_opens", "clicks"), 0)
    rows = [nothing | numbers | {"moment_id": f"m{n}"} | moment for n, moment in enumerate(moments)]
    frame = pd.DataFrame(rows)
    return frame.astype({name: "int64" if name in numbers else "str" for name in frame.columns})


def records(frame: pd.DataFrame, **rules: Any) -> list[dict[str, Any]]:
    """Return what is sent of moments, without what is cleared."""
    sent = moment_writes(frame, OURS, MomentRules(**rules))[0].records
    return [{str(name): value for name, value in row.items() if value != CLEAR} for _, row in sent.iterrows()]


def test_only_known_and_wanted_values_are_written() -> None:
    frame = due({"subject": "News", "bounced_at": "2026-11-01T09:01:00Z", "opens": 2})

    (row,) = records(frame, kinds=[MomentKind.BOUNCED])

    assert row == {
        "Contact__c": "003A",
        "MomentId__c": "m0",
        "Subject__c": "News",
        "SentAt__c": "2026-11-01T09:00:00Z",
        "BouncedAt__c": "2026-11-01T09:01:00Z",
    }


def test_fields_without_a_value_or_left_out_by_the_settings_are_cleared() -> None:
    contacts, rules = OURS.of(CONTACT), MomentRules(kinds=[MomentKind.BOUNCED])
    frame = due({"subject": "News", "first_clicked_at": "2026-11-01T10:00:00Z", "clicks": 2})

    sent = moment_writes(frame, OURS, rules)[0].records

    kept = {contacts.lookup, "MomentId__c", "Subject__c", "SentAt__c"}
    assert {name for name, value in sent.iloc[0].items() if value != CLEAR} == kept
    assert set(sent) == {contacts.lookup, *contacts.fields.values()}


def test_texts_are_cut_and_addresses_are_not() -> None:
    (row,) = records(
        due({"bounce_category": "x" * 90, "subject": "s" * 256, "online_version_url": "https://" + "a" * 248})
    )

    assert (len(row["BounceCategory__c"]), len(row["Subject__c"])) == (80, 255)
    assert "OnlineVersion__c" not in row


MACHINE = {"first_machine_opened_at": "2026-11-01T09:00:05Z", "last_machine_opened_at": "2026-11-01T11:00:00Z"}
PERSON = {"first_opened_at": "2026-11-01T10:00:00Z", "last_opened_at": "2026-11-01T10:30:00Z"}


def test_opens_by_machines_count_when_they_are_not_ignored() -> None:
    found = records(
        due(
            {**MACHINE, **PERSON, "opens": 2, "machine_opens": 3},
            {**MACHINE, "machine_opens": 3},
            PERSON | {"opens": 2},
        ),
        ignore_machine_opens=False,
    )

    names = ("FirstOpenedAt__c", "LastOpenedAt__c", "Opens__c")
    assert [tuple(row[name] for name in names) for row in found] == [
        ("2026-11-01T09:00:05Z", "2026-11-01T11:00:00Z", "5"),
        ("2026-11-01T09:00:05Z", "2026-11-01T11:00:00Z", "3"),
        ("2026-11-01T10:00:00Z", "2026-11-01T10:30:00Z", "2"),
    ]


def test_opens_by_machines_are_ignored_as_it_stands() -> None:
    (row,) = records(due({**MACHINE, "machine_opens": 3}))

    assert (row["Opens__c"], "FirstOpenedAt__c" in row) == ("0", False)


def test_hash_is_the_same_for_the_same_values_among_any_others() -> None:
    one, other = due({"subject": "News"}), due({"subject": "Other"}, {"subject": "News", "moment_id": "m0"})

    def hashes(frame: pd.DataFrame, **rules: Any) -> list[str]:
        return record_hashes(moment_writes(frame, OURS, MomentRules(**rules))[0]).tolist()

    assert hashes(one) == hashes(other)[1:]
    assert hashes(other)[0] != hashes(other)[1]
    assert hashes(one) != hashes(due({"subject": "News", "parent_id": "003B"}))
    assert hashes(one, first_open_only=True) == hashes(due({"subject": "News", "opens": 9}), first_open_only=True)


def test_fingerprint_differs_by_names_and_settings() -> None:
    names = [OURS, MomentObjects(namespace="clang"), MomentObjects(fields=MomentFields(opens=""))]
    rules = [MomentRules(), MomentRules(first_open_only=True), MomentRules(ignore_machine_opens=False)]

    found = [payload_fingerprint(one, MomentRules())[LEAD] for one in names] + [
        payload_fingerprint(OURS, one)[LEAD] for one in rules[1:]
    ]

    assert len(set(found)) == len(found)
    assert payload_fingerprint(OURS, MomentRules(most_per_run=1, campaigns=["x"])) == payload_fingerprint(
        OURS, MomentRules()
    )


def test_results_take_the_place_of_the_expected_ones() -> None:
    frame = due({}, {}, {})
    writes = moment_writes(frame, OURS, MomentRules())
    expected = expected_results(frame, writes, payload_fingerprint(OURS, MomentRules()))
    answers = pd.DataFrame(
        {
            "success": [True, False],
            "record_id": ["a0X", None],
            "error_code": [None, "TOO_LONG"],
            "error_message": [None, "m" * 2_000],
            "refusal": [None, "data"],
        },
        index=[1, 2],
    )

    outcome = apply_results(expected, answers)

    assert outcome.index.tolist() == [1, 2]
    assert outcome["content"].tolist()[0] == record_hashes(writes[0])[1]
    assert (outcome["content"].isna()[2], outcome["refusal"].isna()[1], outcome["refusal"][2]) == (True, True, "data")
    assert (outcome["salesforce_id"][1], outcome["error_code"][2]) == ("a0X", "TOO_LONG")
    assert len(outcome["error_message"][2]) == 1_000


def test_cost_is_known_before() -> None:
    costs: list[tuple[int, int, int | None, int, int]] = [
        (0, 0, None, 0, 0),
        (1, 1, None, 2, 1),
        (5_000, 5_000, None, 10_000, 10),
        (100_000, 0, None, 100_000, 5),
        (50_000, 50_000, None, 100_000, 10),
        (150_000, 50_000, None, 200_000, 15),
        (150_000, 50_000, 1_000, 1_000, 1),
    ]
    for contacts, leads, most, moments, requests in costs:
        found = forecast({CONTACT: DueCount(contacts, contacts), LEAD: DueCount(leads)}, most)
        assert (found.due, found.requests) == (moments, requests), (contacts, leads, most)


def test_storage_is_two_kilobytes_a_new_record() -> None:
    assert forecast({LEAD: DueCount(1_000, 500)}).storage_mb == pytest.approx(1.024)


def test_present_budget_is_what_the_settings_leave_to_the_export() -> None:
    paces: list[tuple[BudgetRules, int | None, int]] = [
        (BudgetRules(), None, 3_600 - 36 - 72 - 36),
        (rules(), 24_000, 500),
        (rules(share_of_day=100), 24_000, 1_000),
        (BudgetRules(), 24_000, (12_000 - 600 - 1_200 - 240) // 24),
        (rules(100, pull=(20, 0)), 24_000, 80),
        (rules(), 15, 1),
    ]
    for given, allowed, pace in paces:
        org = None if allowed is None else OrgUsage(used=0, allowed=allowed, seen_at=NOW)
        assert sustained_rate(given, "contact_moment_export", org) == pace, (given, allowed)


def test_backlog_is_through_when_the_budget_allows() -> None:
    found = {LEAD: DueCount(700, 1, NOW), CONTACT: DueCount(800, 0, NOW - timedelta(days=1))}
    until = NOW + timedelta(minutes=20)

    # With one request an hour the two take two hours, with a hundred none.
    for an_hour, hours in ((100, 0), (2, 1), (1, 2)):
        known = backlog(found, possible_from=until, an_hour=an_hour)
        expected = (1_500, NOW - timedelta(days=1), 2, until + timedelta(hours=hours))
        assert (known.moments, known.since, known.requests, known.through_at) == expected
    assert backlog(found).through_at is None
    assert backlog({}, possible_from=until).sentence() == ""


def test_requests_are_possible_when_a_limit_says_so_or_else_in_an_hour() -> None:
    unknown, known = LimitReachedError("Over."), LimitReachedError("Over.", until=NOW + timedelta(minutes=5))

    assert possible_from(NOW, known, unknown) == possible_from(NOW, unknown, known) == known.until
    assert possible_from(NOW, unknown) == NOW + timedelta(hours=1)


def summary(**parts: Any) -> MomentExportSummary:
    """Return what a run came to."""
    given: dict[str, Any] = {
        "forecast": MomentForecast(due=10, new=4, requests=1),
        "counts": {LEAD: ResultCounts(added=4, updated=6)},
        "refusals": [],
        "refused_in_all": 0,
        "without_record": Backlog(),
        "left": Backlog(),
        "requests_used": 1,
        "seconds": 2.0,
    }
    return MomentExportSummary(**(given | parts))


REFUSED = [
    ("Lead", "data", "STRING_TOO_LONG", 2),
    ("Lead", "target_deleted", "ENTITY_IS_DELETED", 1),
    ("Lead", "transient", "X", 1),
]


@pytest.mark.parametrize(
    ("parts", "state", "said"),
    [
        ({}, "Completed", "4 contact moments added to Salesforce and 6 updated in 2.0 s with 1 request."),
        ({"dry_run": True}, "DryRun", "4 of them new: at most 1 request without repeats"),
        (
            {"counts": {LEAD: ResultCounts(refused=4)}, "refusals": REFUSED, "left": Backlog(1, NOW)},
            "CompletedWithRefusals",
            "; 2 were refused (see moment_export); 1 wait for the next pull, as their lead or contact has changed; "
            "1 are tried again by the next run.",
        ),
        ({"still_refused": 57}, "CompletedWithRefusals", "; 57 of earlier runs are still refused (see moment_export)."),
        ({"left": Backlog(5, NOW)}, "CutByCap", "; 5 contact moments wait, the first since 2026-11-02 12:00 UTC."),
        ({"limit": "The day is over."}, "CutByLimit", "The day is over; 4 contact moments added"),
        ({"without_record": Backlog(3, NOW)}, "Completed", "; 3 wait until their customer has a lead or contact."),
    ],
)
def test_run_says_what_a_person_should_know_first(parts: dict[str, Any], state: str, said: str) -> None:
    found = summary(**parts)

    assert found.state == state
    assert said in found.sentence()

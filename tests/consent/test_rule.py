"""What a reading says about consent, and which yes lifts which no."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from crm_sync.consent.rule import Observation, find_lifted, observe
from crm_sync.consent_words import Cause, Kind, Side

START = datetime(2026, 1, 1, tzinfo=UTC)
HERE, SALESFORCE = Side.HERE.value, Side.SALESFORCE.value


def at(minutes: int | None) -> datetime | None:
    """Return a moment of the story."""
    return None if minutes is None else START + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("before", "now", "edited", "same_person", "observed"),
    [
        (None, True, False, True, Observation.FIRST_NO),
        (None, False, False, True, Observation.NOTHING),
        (None, None, True, True, Observation.NOTHING),
        (False, True, True, True, Observation.NO),
        (False, False, True, True, Observation.NOTHING),
        (True, True, True, True, Observation.NO_AGAIN),
        (True, True, False, True, Observation.NOTHING),
        (True, False, True, True, Observation.YES),
        (True, False, True, False, Observation.FOUND_YES),
        (True, None, True, True, Observation.NOTHING),
    ],
)
def test_only_a_change_or_an_edited_no_says_something(
    *, before: bool | None, now: bool | None, edited: bool, same_person: bool, observed: Observation
) -> None:
    readings = pd.DataFrame(
        {
            "says_no": pd.Series([now], dtype="boolean"),
            "said_no": pd.Series([before], dtype="boolean"),
            "was_edited": [edited],
            "is_same_person": [same_person],
        }
    )
    assert list(observe(readings)) == [observed.value]


def a_no(side: str = SALESFORCE, reference: str = "003A", **changes: Any) -> dict[str, Any]:
    """Return a standing no: said and seen ten minutes after the start."""
    return {
        "no_id": 1,
        "address_hash": 7,
        "channel": "email",
        "side": side,
        "reference": reference,
        "only_person": False,
        "is_still_said": False,
        "not_after": at(10),
        "seen_at": at(10),
    } | changes


def a_yes(side: str = SALESFORCE, reference: str = "003A", **changes: Any) -> dict[str, Any]:
    """Return a yes of a Salesforce user that was said more than twenty minutes after the start."""
    kind = Kind.USER.value if side == SALESFORCE else Kind.PERSON.value
    return {
        "yes_id": 1,
        "address_hash": 7,
        "channel": "email",
        "side": side,
        "reference": reference,
        "kind": kind,
        "not_before": at(20),
    } | changes


@pytest.mark.parametrize(
    ("no", "yes", "is_lifted"),
    [
        pytest.param(a_no(), a_yes(), True, id="the record that said no says yes"),
        pytest.param(a_no(HERE, ""), a_yes(), True, id="Salesforce held the no of here before its yes"),
        pytest.param(a_no(HERE, "", seen_at=at(21)), a_yes(), False, id="Salesforce did not know the no of here"),
        pytest.param(a_no(HERE, ""), a_yes(HERE, ""), True, id="the person subscribes again"),
        pytest.param(a_no(is_still_said=True), a_yes(HERE, ""), True, id="the person overrules the record"),
        pytest.param(a_no(is_still_said=True), a_yes(reference="003B"), False, id="another record goes on saying no"),
        pytest.param(a_no(), a_yes(reference="003B"), True, id="another record that held the no"),
        pytest.param(a_no(not_after=at(25)), a_yes(), False, id="intervals overlap"),
        pytest.param(a_no(), a_yes(not_before=None), False, id="nobody knows when it was said"),
        pytest.param(a_no(), a_yes(kind=Kind.SEEN.value), False, id="a yes that was found"),
        pytest.param(a_no(only_person=True), a_yes(), False, id="a complaint, and a user of Salesforce"),
        pytest.param(a_no(HERE, "", only_person=True), a_yes(HERE, ""), True, id="a complaint, and the person"),
        pytest.param(a_no(), a_yes(address_hash=8), False, id="another address"),
        pytest.param(a_no(), a_yes(channel="sms"), False, id="another channel"),
    ],
)
def test_yes_lifts_a_no(no: dict[str, Any], yes: dict[str, Any], *, is_lifted: bool) -> None:
    found = find_lifted(pd.DataFrame([no]), pd.DataFrame([yes]), users_may_lift=True)
    assert bool(len(found)) is is_lifted


def test_users_lift_nothing_where_only_the_person_may() -> None:
    noes, yeses = pd.DataFrame([a_no()]), pd.DataFrame([a_yes()])
    assert find_lifted(noes, yeses, users_may_lift=False).empty
    assert len(find_lifted(noes, yeses, users_may_lift=True)) == 1


def test_every_no_is_judged_by_itself() -> None:
    noes = pd.DataFrame([a_no(), a_no(no_id=2, side=HERE, reference="", seen_at=at(21))])
    assert list(find_lifted(noes, pd.DataFrame([a_yes()]), users_may_lift=True)["no_id"]) == [1]


def test_causes_that_only_the_person_takes_back() -> None:
    assert [cause for cause in Cause if cause.only_person_lifts] == [Cause.COMPLAINT, Cause.BLACKLIST]

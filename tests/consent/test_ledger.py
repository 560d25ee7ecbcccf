"""The ledger of consent: what is said here acts at once, is kept for good, and waits for Salesforce."""

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import insert, select, text

from crm_sync.columns.address_hash import KEY_BYTES
from crm_sync.consent.cycle_store import Cycle, close_cycle
from crm_sync.consent.gaps_store import note_gaps
from crm_sync.consent.ledger_store import carry_over, enter_sayings
from crm_sync.consent.many_noes_store import take_many_noes
from crm_sync.consent.proof_store import read_chain
from crm_sync.consent.record_store import record_consent
from crm_sync.consent_words import Channel
from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.consent import address_consent
from crm_sync.database.tables.customers import customer
from crm_sync.errors import ConfigurationError, DatabaseUnavailableError
from crm_sync.moments.record_store import record_moments
from crm_sync.runs.health_store import read_health
from crm_sync.runs.history_store import end_run, start_run
from crm_sync.runs.states import RunState
from crm_sync.sobject import SObject
from tests.consent.conftest import People

ADA, CONTACT = "ada@planted.example", "003000000000001AAA"


def test_no_acts_at_once_and_waits_for_salesforce(people: People) -> None:
    ada = people.add(ADA, CONTACT)
    assert record_consent(people.database, " Ada@Planted.example ", "no", people.tick())
    assert people.opt_in(ada) is False
    people.cycle()
    assert people.queued() == [(CONTACT, "no")]


def test_no_by_plain_sql_is_noticed_and_a_yes_waits_to_be_judged(people: People) -> None:
    ada = people.add(ADA, CONTACT)
    people.cycle()
    people.set(ada, opt_in=False)
    people.cycle()
    assert people.opt_in(ada) is False
    assert people.queued() == [(CONTACT, "no")]
    people.set(ada, opt_in=True)
    people.cycle()
    assert people.opt_in(ada) is True, "the person took the own no back"


def test_complaint_is_taken_back_by_the_person_here(people: People) -> None:
    ada = people.add(ADA, CONTACT)
    people.cycle()
    record_consent(people.database, ada, "no", people.tick(), cause="complaint")
    people.cycle()
    people.set(ada, opt_in=True)
    people.cycle()
    assert people.opt_in(ada) is True, "here it is the person who says so"


def test_blacklist_is_a_no_that_only_the_person_takes_back(people: People) -> None:
    ada = people.add(ADA, CONTACT)
    people.cycle()
    people.set(ada, status="BlackList")
    people.cycle()
    assert people.opt_in(ada) is False
    assert people.queued() == [(CONTACT, "no")]
    people.set(ada, status="Customer")
    people.cycle()
    assert people.opt_in(ada) is False, "another status says nothing"
    with people.database.transaction() as connection:
        chain = read_chain(connection, people.database.hashes, ADA)
    assert set(chain.standing["cause"]) == {"blacklist"}
    people.set(ada, opt_in=True)
    people.cycle()
    assert people.opt_in(ada) is True


def test_unsubscription_of_a_moment_is_a_no_at_once_and_a_bounce_is_none(people: People) -> None:
    ada, bob = people.add(ADA, CONTACT), people.add("bob@planted.example", "003000000000002AAA")
    people.cycle()
    moments = pd.DataFrame({"moment_id": ["1", "2"], "customer_id": [ada, bob], "sent_at": [people.now] * 2})
    hard = moments.assign(bounced_at=people.now, unsubscribed_at=pd.Series([people.now, pd.NaT]))
    with people.database.transaction() as connection:
        record_moments(connection, hard, people.tick())
        view = text("SELECT is_mailable FROM customer_mailable ORDER BY customer_id")
        assert [bool(one) for one in connection.scalars(view)] == [False, True]
    people.cycle()
    assert [people.opt_in(ada), people.opt_in(bob)] == [False, True]
    assert people.queued() == [(CONTACT, "no")]
    people.set(ada, opt_in=True)
    people.cycle()
    people.cycle()
    assert people.opt_in(ada) is True


def test_hard_bounce_sets_the_mail_status_once_and_is_no_no(people: People) -> None:
    of = {name: people.add(f"{name}@planted.example", f"00300000000000{at}AAA") for at, name in enumerate(_BOUNCES, 1)}
    people.cycle()
    rows = [
        {"moment_id": name, "customer_id": of[name], "sent_at": people.now, "bounced_at": people.now, **bounce}
        for name, bounce in _BOUNCES.items()
    ]
    assert record_moments(people.database, rows, people.tick()) == len(rows)
    assert _statuses(people) == ["INACTIVE", "INACTIVE", None, None, None]
    people.cycle()
    assert ([people.opt_in(one) for one in of.values()], people.queued()) == ([True] * 5, [])
    with people.database.transaction() as connection:
        view = text("SELECT reason FROM customer_mailable ORDER BY customer_id LIMIT 1")
        assert connection.scalar(view) == "mail status is inactive"
    people.set(of["hard"], mail_status="ACTIVE")
    later = [{**rows[0], "opens": 1}, {**rows[4], "bounce_category": "hard", "bounced_at": people.now}]
    record_moments(people.database, later, people.tick())
    assert _statuses(people) == ["ACTIVE", "INACTIVE", None, None, "INACTIVE"], "what was known is no news"


_BOUNCES: dict[str, dict[str, Any]] = {
    "hard": {"bounce_category": "hard"},
    "Hard": {"bounce_category": "Hard bounce", "bounce_reason": "550"},
    "soft": {"bounce_category": "soft"},
    "unknown": {},
    "none": {"bounced_at": None},
}


def _statuses(people: People) -> list[str | None]:
    with people.database.transaction() as connection:
        return list(connection.scalars(select(customer.c.mail_status).order_by(customer.c.id)))


def test_address_of_nobody_is_remembered_for_who_comes_later(people: People) -> None:
    assert not record_consent(people.database, ADA, "no", people.tick())
    ada = people.add(ADA, CONTACT)
    people.cycle()
    assert people.opt_in(ada) is False


def _again(people: People) -> tuple[int, int]:
    """Return how many yeses wait to be judged, and how many are held back, as the page of health has it."""
    with people.database.transaction() as connection:
        health = read_health(connection, people.now)
    return health.waiting["people to be mailed again"], health.held["people to be mailed again"]


def test_a_yes_waits_for_the_next_pull_whatever_else_waits_for_a_person(people: People) -> None:
    ada = people.add(ADA, CONTACT)
    record_consent(people.database, ada, "no", people.tick())
    people.cycle()
    record_consent(people.database, ada, "yes", people.tick())
    with people.database.transaction() as connection:
        run = start_run(connection, "incremental_pull", "org", None, people.now)
        end_run(connection, run, state=RunState.NEEDS_APPROVAL, counts={}, requests_used=0, now=people.now)

    assert _again(people) == (1, 0)


def test_yes_that_is_said_while_the_opt_out_is_hidden_counts_when_it_is_shown_again(people: People) -> None:
    ada = people.add(ADA, CONTACT)
    record_consent(people.database, ada, "no", people.tick())
    for said, is_hidden in (("no", True), ("yes", True), (None, False)):
        if said:
            record_consent(people.database, ada, said, people.tick())
        shown = [] if is_hidden else [Channel.EMAIL]
        with people.database.transaction() as connection:
            gaps = ({SObject.CONTACT: [Channel.EMAIL]} if is_hidden else {}, {SObject.CONTACT: shown})
            shown_again = note_gaps(connection, *gaps, people.tick())
            linked = {SObject.CONTACT: [Channel.EMAIL]}
            close_cycle(connection, Cycle(people.database.hashes, 1, people.now, linked, shown_again=shown_again))
        assert people.opt_in(ada) is not is_hidden, (said, is_hidden)


def test_many_yeses_wait_for_a_person(people: People) -> None:
    ids = [people.add(f"a{n}@planted.example", f"00300000000000{n}AAA") for n in range(3)]
    for one in ids:
        record_consent(people.database, one, "no", people.tick())
    people.cycle()
    for one in ids:
        people.set(one, opt_in=True)
    people.cycle(most_lifts=2)
    assert [people.opt_in(one) for one in ids] == [False] * 3
    assert _again(people) == (0, 3)
    people.cycle()
    assert [people.opt_in(one) for one in ids] == [True] * 3


def test_more_noes_than_usual_are_told_once(people: People) -> None:
    def told() -> int:
        with people.database.transaction() as connection:
            return take_many_noes(connection)

    def say(number: int) -> None:
        for one in range(number):
            record_consent(people.database, f"a{one}@planted.example", "no", people.tick())

    say(50)
    assert told() == 0, "so many are usual"
    say(51)
    assert told() == 51
    assert told() == 0
    row = {"options": {}, "created_at": people.now, "modified_at": people.now}
    with people.database.transaction() as connection:
        connection.execute(insert(customer), [row | {"unique_key": f"k{one}"} for one in range(5200)])
    say(52)
    assert told() == 0, "of so many customers that is not more than one in a hundred"


ACTS = [
    "UPDATE consent_event SET said = 'yes'",
    "DELETE FROM consent_event",
    "TRUNCATE consent_event",
    "INSERT OR REPLACE INTO consent_event SELECT * FROM consent_event",
    "INSERT INTO consent_event SELECT * FROM consent_event WHERE true ON CONFLICT (id) DO UPDATE SET said = 'yes'",
]


# What only one of the databases knows is refused by the other one as it is.
@pytest.mark.parametrize("act", ACTS)
def test_ledger_cannot_be_changed(people: People, act: str) -> None:
    record_consent(people.database, ADA, "no", people.tick())
    with pytest.raises(DatabaseUnavailableError), people.database.transaction() as connection:
        connection.execute(text(act))
    with people.database.transaction() as connection:
        assert connection.scalar(text("SELECT said FROM consent_event")) == "no"


def test_another_key_is_refused(people: People) -> None:
    url = people.database._engine.url.render_as_string(hide_password=False)
    with pytest.raises(ConfigurationError, match="another key"):
        CustomerDatabase(url, b"x" * KEY_BYTES)


def test_chain_shows_what_was_said_and_done(people: People) -> None:
    people.add(ADA, CONTACT)
    record_consent(people.database, ADA, "no", people.tick(), reference="moment 7")
    people.cycle()
    with people.database.transaction() as connection:
        by_address = read_chain(connection, people.database.hashes, ADA)
        by_id = read_chain(connection, people.database.hashes, CONTACT[:15])
    for chain in (by_address, by_id):
        assert list(chain.events["said"]) == ["no"]
        assert list(chain.customers["reason"]) == ["said no"]
        assert list(chain.deliveries["record_id"]) == [CONTACT]


def test_no_wins_over_a_yes_of_the_same_look_and_address(people: People) -> None:
    one, other = people.add(ADA, CONTACT), people.add("id 2", "003000000000002AAA")
    people.set(other, address_hash=people.database.hashes.of(ADA), opt_in=False, opt_in_set=False)
    people.set(one, opt_in=False)
    people.set(other, opt_in=True)
    people.cycle()
    assert [people.opt_in(one), people.opt_in(other)] == [False, False]


def test_yes_of_the_future_is_of_now(people: People) -> None:
    ada = people.add(ADA, CONTACT)
    record_consent(people.database, ADA, "no", people.tick())
    record_consent(people.database, ADA, "yes", people.tick(), said_at=people.now + timedelta(days=1))
    place = {"address_hash": people.database.hashes.of(ADA), "channel": "email", "side": "salesforce"}
    words = {"said": "no", "kind": "user", "cause": "edited", "reference": CONTACT, "not_after": people.tick()}
    with people.database.transaction() as connection:
        enter_sayings(connection, pd.DataFrame([place | words]), run=None, now=people.now)
    people.cycle()
    assert people.opt_in(ada) is False


def test_complaint_that_goes_along_with_an_address_stays_one_where_a_later_no_stands(people: People) -> None:
    old, new = (people.database.hashes.of(one) for one in (ADA, "ada.new@planted.example"))
    place = {"channel": "email", "side": "here", "reference": "", "said": "no", "kind": "person"}
    moved_at, later = people.tick(), people.tick()
    said = [
        place | {"address_hash": old, "cause": "complaint", "not_after": moved_at},
        place | {"address_hash": new, "cause": "edited", "not_after": later},
    ]
    with people.database.transaction() as connection:
        enter_sayings(connection, pd.DataFrame(said), run=None, now=later)
        moved = pd.DataFrame({"old_hash": [old], "new_hash": [new], "moved_at": [moved_at]})
        carry_over(connection, moved.astype({"old_hash": "Int64", "new_hash": "Int64"}), run=None, now=later)
        query = select(address_consent.c.cause).where(address_consent.c.address_hash == new)
        assert connection.scalars(query).all() == ["complaint"], "nobody but the person takes it back"

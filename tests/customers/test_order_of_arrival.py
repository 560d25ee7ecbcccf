"""However the records are cut into batches, ordered and repeated: the customers are those of one delivery."""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from crm_sync.database.engine import CustomerDatabase
from crm_sync.mapping.model import Precedence

Version = tuple[str, int, dict[str, Any]]

EMAILS = st.sampled_from(["ada@x.org", " Ada@X.org ", "bob@x.org", "BOB@x.org", "cy@x.org", None])
LEAD = st.fixed_dictionaries({"email": EMAILS, "Company": st.sampled_from(["Acme", "Ünïted"])})
CONTACT = st.fixed_dictionaries(
    {"email": EMAILS, "Birthdate": st.sampled_from(["1990-02-03", "1700-01-01"])},
    optional={"VIP__c": st.just("true")},
)
BOTH = st.fixed_dictionaries(
    {"LastName": st.sampled_from(["None", 'O"Neill\n', "Łovelace"])},
    optional={
        "Score__c": st.sampled_from(["1.10", "12345678901234567890.5", "not a number"]),
        "IsDeleted": st.sampled_from(["true", "false"]),
        "HasOptedOutOfEmail": st.just("true"),
    },
)
CONVERTED = st.fixed_dictionaries({}, optional={"IsConverted": st.just("true")})


@st.composite
def versions(draw: st.DrawFn) -> list[Version]:
    """Draw what Salesforce held at different times: a few versions of a few records that share e-mail addresses."""
    found: list[Version] = []
    for kind in ("lead", "contact"):
        for number in range(1, draw(st.integers(1, 3)) + 1):
            # Two versions of one record never have one stamp; records among themselves may.
            for at in draw(st.lists(st.integers(0, 4), min_size=1, max_size=3, unique=True)):
                own = LEAD if kind == "lead" else CONTACT
                fields = draw(own) | draw(BOTH) | (draw(CONVERTED) if kind == "lead" else {})
                found.append((kind, number, fields | {"at": at}))
    return found


@st.composite
def deliveries(draw: st.DrawFn, of: list[Version]) -> list[list[Version]]:
    """Draw batches: every version at least once, in any order, some again."""
    again = draw(st.lists(st.sampled_from(of), max_size=3))
    batches: list[list[Version]] = []
    for version in draw(st.permutations(of + again)):
        if batches and batches[-1][0][0] == version[0] and draw(st.booleans()):
            batches[-1].append(version)
        else:
            batches.append([version])
    return batches


WORLDS = versions().flatmap(lambda found: st.tuples(st.just(found), deliveries(found)))


class Outcome:
    """What has to be the same at the end."""

    def __init__(self, story: Any) -> None:
        """Read it, without ids, times, and customers without a live record."""
        mirror = story.mirror()
        live = {i: row for i, row in mirror.items() if not row["is_deleted"] and row["unique_key"]}
        # A record that turned bad keeps its customer as it was, which depends on what was seen before by design.
        with_source = {row["unique_key"] for i, row in live.items() if i not in story.rejects()}
        self.customers = {key: _values(row) for key, row in story.customers().items() if key in with_source}
        self.leftover = {
            key
            for key, row in story.customers().items()
            if row["deleted_in_salesforce_at"] is None
            and row["merged_into_customer_id"] is None
            and key not in {row["unique_key"] for row in live.values()}
        }
        self.with_source = with_source
        at_no = {row["unique_key"] for row in live.values() if row["says_no_email"]}
        self.mailed_in_spite = {key for key, row in story.customers().items() if key in at_no and row["opt_in"]}
        # Of a record whose address was cleared the last one that was seen is kept, for consent.
        apart = {True: {"customer_id", "read_at"}, False: {"customer_id", "read_at", "address_hash"}}
        self.mirror = {
            i: {name: value for name, value in row.items() if name not in apart[row["unique_key"] is not None]}
            for i, row in mirror.items()
        }
        self.rejects = {
            i: (row["sobject"], row["reason"], row["system_modstamp"]) for i, row in story.rejects().items()
        }
        ids = {row["id"]: key for key, row in story.customers().items()}
        self.linked = {i: ids.get(row["customer_id"]) for i, row in live.items() if row["unique_key"] in with_source}


def _values(row: dict[str, Any]) -> dict[str, Any]:
    # Consent is history: a no that was seen in between stands; tests/consent holds it.
    apart = {"id", "created_at", "modified_at", "options", "read_at", "opt_in", "opt_in_set"}
    values = {name: value for name, value in row.items() if name not in apart}
    return values | {"options": {name: value for name, value in row["options"].items() if value is not None}}


@pytest.fixture
def outcome_of(database_url: str, new_story: Any, by_email: Any) -> Iterator[Any]:
    """Give a way to deliver batches to an empty database and see what became of them."""
    database = CustomerDatabase(database_url)

    def deliver(batches: list[list[Version]], precedence: Precedence) -> Outcome:
        with database.transaction() as connection:
            story = new_story(lambda: nullcontext(connection), by_email(precedence))
            for batch in batches:
                story.land(*(getattr(story, kind)(number, **fields) for kind, number, fields in batch))
            outcome = Outcome(story)
            connection.rollback()
        return outcome

    yield deliver
    database.close()


def _in_one(found: list[Version]) -> list[list[Version]]:
    return [[version for version in found if version[0] == kind] for kind in ("contact", "lead")]


def _same_whatever_the_order(
    outcome_of: Any, world: tuple[list[Version], list[list[Version]]], precedence: Precedence
) -> None:
    found, batches = world
    expected, actual = outcome_of(_in_one(found), precedence), outcome_of(batches, precedence)
    assert set(actual.customers) == actual.with_source
    assert actual.customers == expected.customers
    assert actual.mirror == expected.mirror
    assert actual.rejects == expected.rejects
    assert actual.leftover == set()
    assert all(key == actual.mirror[i]["unique_key"] for i, key in actual.linked.items())
    assert expected.mailed_in_spite == actual.mailed_in_spite == set()


# As many as there are in the long run; else few, for an example lands some thirty batches, a tenth of a second each.
EXAMPLES = settings().max_examples if settings().max_examples > 100 else 10
# The database is rolled back after each example, so that the fixture serves them all.
# Shrinking takes minutes; take this away to see a smaller example.
FIND = [Phase.explicit, Phase.reuse, Phase.generate]
WITH_ONE_DATABASE = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@settings(max_examples=EXAMPLES, phases=FIND, suppress_health_check=WITH_ONE_DATABASE)
@given(world=WORLDS, precedence=st.sampled_from(Precedence))
def test_order_batches_and_repeats_change_nothing(outcome_of: Any, world: Any, precedence: Precedence) -> None:
    _same_whatever_the_order(outcome_of, world, precedence)


# Landing there is slower, and only its SQL differs.
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@settings(max_examples=EXAMPLES // 3, phases=FIND, suppress_health_check=WITH_ONE_DATABASE)
@given(world=WORLDS, precedence=st.sampled_from(Precedence))
def test_nor_on_postgresql(outcome_of: Any, world: Any, precedence: Precedence) -> None:
    _same_whatever_the_order(outcome_of, world, precedence)

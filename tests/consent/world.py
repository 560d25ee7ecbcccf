"""Many small worlds in one database, and a sync that comes late, is killed, and loses answers."""

import random
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from functools import partial
from typing import Any

import pandas as pd
from sqlalchemy import Connection, and_, delete, exists, insert, select, text, tuple_, update

from crm_sync.columns.address_hash import KEY_BYTES, AddressHash
from crm_sync.consent.cycle_store import Cycle, close_cycle
from crm_sync.consent.delivery import Step, next_steps
from crm_sync.consent.delivery_store import close_settled, read_waiting, store_accepted, store_held, store_refused
from crm_sync.consent.here_store import notice_changes_here
from crm_sync.consent.queue_store import queue_withdrawals
from crm_sync.consent.standing_store import customers_with, refresh_consent
from crm_sync.consent_words import Channel
from crm_sync.customers.landing import land_batch
from crm_sync.customers.landing_context import LandingContext
from crm_sync.database.tables.consent import address_consent
from crm_sync.database.tables.customers import customer, sync_run
from crm_sync.mapping.model import FieldLink, MappingRules, ObjectMapping
from crm_sync.mapping.transform import map_records
from crm_sync.sobject import SObject
from tests.consent.reckoning import Reading
from tests.consent.society import Society

_LINKS = [
    FieldLink(salesforce_field="Email", name="email_address", unique=True),
    FieldLink(salesforce_field="Phone", name="work_phone"),
    FieldLink(salesforce_field="HasOptedOutOfEmail", name="opt_in", opposite=True),
]
_RULES = MappingRules(lead=ObjectMapping(links=_LINKS), contact=ObjectMapping(links=_LINKS))
_TYPES = {one: {"Email": "email", "Phone": "phone", "HasOptedOutOfEmail": "boolean"} for one in SObject}
_LINKED = {one: [Channel.EMAIL] for one in SObject}
_OVERLAP = timedelta(minutes=10)


class Part(Enum):
    """What the rule needs beside *a later yes by a side that knew*."""

    MOVING_STAMPS = auto()
    EACH_NO = auto()
    LOOK = auto()


class KilledError(Exception):
    """The process ended in the middle of it."""


@dataclass
class Outcome:
    """Addresses: mailed in spite of a no, with a record that lacks a no, mailed and never at no, mailed again."""

    mailed: list[str]
    lacking: list[str]
    never_at_no: list[str]
    again: list[str]


@dataclass
class Worlds:
    """A society, its customer database, and a sync between the two.

    `without`: parts of the rule that are taken out, to see that they are needed.
    """

    connection: Connection
    dice: random.Random
    number: int
    without: frozenset[Part] = frozenset()
    marks: dict[SObject, datetime] = field(default_factory=dict)
    last_look: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin with a run that all belongs to."""
        self.society = Society(self.connection, self.dice, self.number)
        self.records, self.reckoning = self.society.records, self.society.reckoning
        self.hashes = AddressHash(b"k" * KEY_BYTES)
        self.connection.execute(
            insert(sync_run).values(id=1, flow="test", org="o", state="Running", counts={}, requests_used=0,
                                    started_at=self.society.now)
        )  # fmt: skip

    @contextmanager
    def _transaction(self, *, may_die: bool) -> Iterator[None]:
        step = self.connection.begin_nested()
        yield
        if may_die and self.dice.random() < 0.15:
            step.rollback()
            raise KilledError
        step.commit()

    @contextmanager
    def _looking_here(self, *, may_die: bool) -> Iterator[None]:
        """Let what follows in a transaction notice what was said here; a kill takes that back."""
        with self._transaction(may_die=may_die):
            at_no = select(customer.c.unique_key).where(customer.c.opt_in.is_(False))
            found, at = list(self.connection.scalars(at_no)), self.society.now
            yield
        for address in found:
            self.reckoning.here[address].append(at)

    def _frame(self, sobject: SObject, records: dict[str, dict[str, Any]]) -> pd.DataFrame:
        rows = [
            {
                "Id": one,
                "SystemModstamp": record["stamp"].isoformat(),
                "IsDeleted": str(record["deleted"]).lower(),
                "MasterRecordId": None,
                "IsConverted": "false",
                "ConvertedContactId": None,
                "Email": record["address"],
                "Phone": str(record["phone"]),
                "HasOptedOutOfEmail": str(record["no"]).lower(),
            }
            for one, record in records.items()
        ]
        return map_records(pd.DataFrame(rows, dtype="str"), sobject, _RULES.of(sobject), _TYPES[sobject], self.hashes)

    def pull(self, *, whole: bool = False, may_die: bool = True, meanwhile: int = 0) -> None:
        """Read, let people act meanwhile, and land; a kill leaves what was landed so far."""
        known_until = {one: mark - _OVERLAP for one, mark in self.marks.items()}
        read = {}
        for sobject in self.dice.sample(list(SObject), 2):
            asked = self.society.now
            since = None if whole or sobject not in self.marks else self.marks[sobject] - _OVERLAP
            read[sobject] = (
                asked,
                {
                    one: dict(record)
                    for one, record in self.records.items()
                    if one.startswith(sobject.id_prefix) and (since is None or record["stamp"] >= since)
                },
            )
        started = self.society.tick()
        self._let_people_act(meanwhile)
        landing = LandingContext(
            _RULES, _TYPES, 1, started, self.hashes, only_changed=True, known_until=known_until, clock=self._clock
        )
        for sobject, (asked, records) in read.items():
            with self._looking_here(may_die=may_die):
                if records:
                    self._land(records, sobject, landing)
            readings = self.reckoning.readings
            for one, record in records.items():
                address = record["address"] or (readings[one][-1].address if readings[one] else "")
                readings[one].append(Reading(address, record["no"], asked, started, self.society.now))
            self.marks[sobject] = max(asked, self.marks.get(sobject, asked))
            self.last_look |= records
        with self._looking_here(may_die=may_die):
            if Part.EACH_NO in self.without:
                self._keep_the_latest_no()
            cycle = Cycle(self.hashes, 1, started, _LINKED, lifts_approved=True, clock=self._clock)
            close_cycle(self.connection, cycle)

    def _clock(self) -> datetime:
        return self.society.now

    def _land(self, records: dict[str, dict[str, Any]], sobject: SObject, landing: LandingContext) -> None:
        """Land records; without moving stamps, a no that may have been said again stays as it was known before."""
        readings, row = self.reckoning.readings, address_consent.c
        again = [one for one, record in records.items() if record["no"] and readings[one] and readings[one][-1].says_no]
        noes = select(row.id, row.not_after, row.seen_at).where(row.reference.in_(again))
        before = list(self.connection.execute(noes)) if Part.MOVING_STAMPS in self.without else []
        land_batch(self.connection, self._frame(sobject, records), sobject, landing)
        for no in before:
            values = {"not_after": no.not_after, "seen_at": no.seen_at}
            self.connection.execute(update(address_consent).values(values).where(row.id == no.id))

    def _keep_the_latest_no(self) -> None:
        later = address_consent.alias("later")
        is_older = and_(
            later.c.address_hash == address_consent.c.address_hash,
            tuple_(later.c.not_after, later.c.id) > tuple_(address_consent.c.not_after, address_consent.c.id),
        )
        self.connection.execute(delete(address_consent).where(exists(select(later.c.id).where(is_older))))

    def deliver(self, *, may_die: bool = True) -> None:
        """Write what waits, after a look; some is refused, and some answers are lost."""
        now = self.society.tick()
        with self._looking_here(may_die=may_die):
            noticed = notice_changes_here(self.connection, self.hashes, run=1, now=now)
            if len(noticed):
                touched = customers_with(self.connection, noticed)
                refresh_consent(self.connection, touched, now)
                queue_withdrawals(self.connection, touched, _LINKED, now)
            close_settled(self.connection, now)
            waiting = read_waiting(self.connection, 10_000)
        if waiting.empty:
            return
        known = self.last_look if Part.LOOK in self.without else self.records
        current = pd.DataFrame(
            {
                "says_no": pd.Series({one: record["no"] for one, record in known.items()}, dtype="boolean"),
                "is_deleted": {one: record["deleted"] for one, record in known.items()},
                "stamp": {one: record["stamp"] for one, record in known.items()},
            }
        )
        steps = next_steps(waiting, current)
        held = waiting[steps.eq(Step.HELD.value)]
        if len(held):
            with self._transaction(may_die=may_die):
                store_held(self.connection, held, self.society.tick(), self.society.now)
        going = waiting[steps.eq(Step.WRITE.value)]
        refused = going["record_id"].map(lambda _: may_die and self.dice.random() < 0.2).astype("bool")
        for one, said in going.loc[~refused, ["record_id", "said"]].itertuples(index=False):
            self.records[one] |= {"no": said == "no", "stamp": self.society.tick()}
        bad = going.loc[refused, ["id"]].assign(error_code="ANY", error_message="any")
        with self._transaction(may_die=False):
            store_refused(self.connection, bad)
        self._accept(going[~refused], may_die=may_die)

    def _accept(self, accepted: pd.DataFrame, *, may_die: bool) -> None:
        if accepted.empty:
            return
        values = accepted["said"].map({"no": '{"HasOptedOutOfEmail":"true"}', "yes": '{"HasOptedOutOfEmail":"false"}'})
        confirmed = pd.DataFrame({"id": accepted["record_id"], "field_values": values})
        with self._transaction(may_die=may_die):
            store_accepted(self.connection, accepted, confirmed, self.society.tick(), self.society.now)
        for one in accepted.loc[accepted["said"].eq("no"), "record_id"]:
            self.reckoning.written[one].append((self.reckoning.readings[one][-1].address, self.society.now))

    def _let_people_act(self, times: int) -> None:
        """Let people of some worlds do two things before the sync comes again."""
        for _ in range(times):
            world = self.dice.randrange(self.number)
            self.society.act(world)
            self.society.act(world)

    def live(self, rounds: int) -> None:
        """Let people act and the sync come in any order, then let it end without faults."""
        for _ in range(rounds):
            for world in range(self.number):
                if self.dice.random() < 0.5:
                    self.society.act(world)
            self.society.now += timedelta(minutes=self.dice.choice([0, 1, 15, 60]))
            try:
                match self.dice.choice(["pull", "pull", "sync", "deliver", "cycle", "cycle", "nothing"]):
                    case "pull":
                        self.pull(meanwhile=self.number // 4)
                    case "sync":
                        self.pull(whole=True, meanwhile=self.number // 4)
                    case "deliver":
                        self.deliver()
                    case "cycle":
                        self.deliver()
                        self.pull()
                        self._let_people_act(self.number // 4)
                        self.deliver()
                    case "nothing":
                        pass
            except KilledError:
                continue
        for _ in range(3):
            self.society.now += timedelta(minutes=15)
            self.deliver(may_die=False)
            self.pull(may_die=False)
            self.deliver(may_die=False)

    def _mailable(self) -> list[str]:
        rows = self.connection.execute(text("SELECT email_address FROM customer_mailable WHERE is_mailable"))
        return [row.email_address for row in rows]

    def outcome(self) -> Outcome:
        """Hold what came of it against the reckoning."""
        mailable, at_address = self._mailable(), defaultdict(list)
        for record in self.records.values():
            if not record["deleted"] and record["address"]:
                at_address[record["address"]].append(record["no"])
        stands, said = self.reckoning.stands, partial(self.reckoning.stands, only_said=True)
        # Of records that differed when they were first seen, one that holds the no is enough.
        lacking = [to for to, noes in at_address.items() if not (all(noes) or (any(noes) and not said(to)))]
        return Outcome(
            [one for one in mailable if stands(one)],
            [one for one in lacking if stands(one)],
            [one for one in mailable if not self.reckoning.was_asked(one)],
            [one for one in mailable if self.reckoning.came_back(one)],
        )

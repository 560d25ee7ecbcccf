"""Many small worlds in one database: people and users of Salesforce who say no and yes, and a sync that comes late."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Connection, insert, select, text, update

from crm_sync.columns.address_hash import KEY_BYTES, AddressHash
from crm_sync.consent.cycle_store import Cycle, close_cycle
from crm_sync.consent.delivery import Step, next_steps
from crm_sync.consent.delivery_store import (
    close_settled,
    queue_withdrawals,
    read_waiting,
    store_accepted,
    store_refused,
)
from crm_sync.consent.here_store import notice_changes_here
from crm_sync.consent.standing_store import customers_with, refresh_consent
from crm_sync.consent_words import Channel
from crm_sync.customers.landing import land_batch
from crm_sync.customers.landing_context import LandingContext
from crm_sync.database.tables.customers import customer, sync_run
from crm_sync.mapping.model import FieldLink, MappingRules, ObjectMapping
from crm_sync.mapping.transform import map_records
from crm_sync.sobject import SObject

_LINKS = [
    FieldLink(salesforce_field="Email", name="email_address", unique=True),
    FieldLink(salesforce_field="Phone", name="work_phone"),
    FieldLink(salesforce_field="HasOptedOutOfEmail", name="opt_in", opposite=True),
]
_RULES = MappingRules(lead=ObjectMapping(links=_LINKS), contact=ObjectMapping(links=_LINKS))
_TYPES = {one: {"Email": "email", "Phone": "phone", "HasOptedOutOfEmail": "boolean"} for one in SObject}
_LINKED = {one: [Channel.EMAIL] for one in SObject}
_OVERLAP = timedelta(minutes=10)
HERE = "here"


class KilledError(Exception):
    """The process ended in the middle of it."""


@dataclass
class Saying:
    """What was said: when, for which address, at which place (`here`, or a record's Id)."""

    at: datetime
    address: str
    place: str
    is_no: bool


@dataclass
class Worlds:
    """`number` worlds that do not know each other, and one customer database."""

    connection: Connection
    dice: random.Random
    number: int
    looks: bool = True
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    said: list[Saying] = field(default_factory=list)
    # Place, address, latest moment of what was seen, when it was seen: only of places that said no.
    seen: list[tuple[str, str, datetime, datetime]] = field(default_factory=list)
    # Place, and the address at which it was read when.
    read: list[tuple[str, str, datetime]] = field(default_factory=list)
    marks: dict[SObject, datetime] = field(default_factory=dict)
    last_look: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Let every world have one to three records, which share addresses, and one no in three."""
        self.hashes = AddressHash(b"k" * KEY_BYTES)
        self.connection.execute(
            insert(sync_run).values(id=1, flow="test", org="o", state="Running", counts={}, requests_used=0,
                                    started_at=self.now)
        )  # fmt: skip
        for world in range(self.number):
            for kind in self.dice.sample(["003a", "003b", "00Qa"], self.dice.randint(1, 3)):
                self._insert(world, kind)

    # ---- people

    def _insert(self, world: int, kind: str) -> None:
        one = f"{kind[:3]}{kind[3]}{world:05d}000000AAA"
        address, says_no = f"{self.dice.choice('ab')}{world}@x.org", self.dice.random() < 0.2
        self.records[one] = {"address": address, "no": says_no, "phone": 0, "deleted": False, "stamp": self._tick()}
        if says_no:
            self.said.append(Saying(self.now, address, one, True))

    def _tick(self) -> datetime:
        self.now += timedelta(seconds=self.dice.randint(1, 5))
        return self.now

    def act(self, world: int) -> None:
        """Let somebody of a world do something."""
        own = [one for one in self.records if one[4:9] == f"{world:05d}" and not self.records[one]["deleted"]]
        what = self.dice.choice(["no", "yes", "edit", "move", "delete", "here no", "here yes", "here yes"])
        if what.startswith("here"):
            self._say_here(world, is_no=what.endswith("no"))
        elif own:
            one = self.dice.choice(own)
            record = self.records[one]
            record["stamp"] = self._tick()
            if what == "edit":
                record["phone"] += 1
            elif what == "delete":
                record["deleted"] = self.dice.random() < 0.3
            elif what == "move":
                record["address"] = f"{self.dice.choice('ab')}{world}@x.org"
                if record["no"]:
                    self.said.append(Saying(self.now, record["address"], one, True))
            elif record["no"] != (what == "no"):
                record["no"] = what == "no"
                self.said.append(Saying(self.now, record["address"], one, record["no"]))

    def _say_here(self, world: int, *, is_no: bool) -> None:
        address = f"{self.dice.choice('ab')}{world}@x.org"
        changed = self.connection.execute(
            update(customer)
            .where(customer.c.unique_key == address, customer.c.opt_in.is_(is_no))
            .values(opt_in=not is_no)
        ).rowcount
        if changed:
            self.said.append(Saying(self._tick(), address, HERE, is_no))

    # ---- the sync

    @contextmanager
    def _transaction(self, *, may_die: bool) -> Iterator[None]:
        step = self.connection.begin_nested()
        yield
        if may_die and self.dice.random() < 0.15:
            step.rollback()
            raise KilledError
        step.commit()

    def _seen_here(self) -> None:
        rows = self.connection.execute(select(customer.c.unique_key).where(customer.c.opt_in.is_(False)))
        self.seen += [(HERE, row.unique_key, self.now, self.now) for row in rows]

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
            asked = self.now
            since = None if whole or sobject not in self.marks else self.marks[sobject] - _OVERLAP
            read[sobject] = (
                asked,
                {
                    one: dict(record)
                    for one, record in self.records.items()
                    if one.startswith(sobject.id_prefix) and (since is None or record["stamp"] >= since)
                },
            )
        started = self._tick()
        for _ in range(meanwhile):
            self.act(self.dice.randrange(self.number))
        landing = LandingContext(_RULES, _TYPES, 1, started, self.hashes, only_changed=True, known_until=known_until)
        for sobject, (asked, records) in read.items():
            with self._transaction(may_die=may_die):
                self._seen_here()
                if records:
                    land_batch(self.connection, self._frame(sobject, records), sobject, landing)
                before = {one: address for one, address, _ in self.read}
                for one, record in records.items():
                    self.read.append((one, record["address"], asked))
                    # A no that came with another address is known for both.
                    for address in {record["address"], before.get(one, record["address"])} if record["no"] else ():
                        self.seen.append((one, address, asked, started))
            self.marks[sobject] = max(asked, self.marks.get(sobject, asked))
            self.last_look |= records
        with self._transaction(may_die=may_die):
            self._seen_here()
            close_cycle(self.connection, Cycle(self.hashes, 1, started, _LINKED, lifts_approved=True))

    def deliver(self, *, may_die: bool = True) -> None:
        """Write what waits, after a look; some is refused, and some answers are lost."""
        now = self._tick()
        with self._transaction(may_die=may_die):
            self._seen_here()
            noticed = notice_changes_here(self.connection, self.hashes, run=1, now=now)
            if len(noticed):
                touched = customers_with(self.connection, noticed)
                refresh_consent(self.connection, touched, now)
                queue_withdrawals(self.connection, touched, _LINKED, now)
            close_settled(self.connection, now)
            waiting = read_waiting(self.connection, 10_000)
        if waiting.empty:
            return
        known = self.records if self.looks else self.last_look
        current = pd.DataFrame(
            {
                "says_no": pd.Series({one: record["no"] for one, record in known.items()}, dtype="boolean"),
                "is_deleted": {one: record["deleted"] for one, record in known.items()},
                "stamp": {one: record["stamp"] for one, record in known.items()},
            }
        )
        steps = next_steps(waiting, current)
        self._accept(waiting[steps.eq(Step.HELD.value)], may_die=may_die)
        going = waiting[steps.eq(Step.WRITE.value)]
        refused = going["record_id"].map(lambda _: may_die and self.dice.random() < 0.2).astype("bool")
        for one, said in going.loc[~refused, ["record_id", "said"]].itertuples(index=False):
            self.records[one] |= {"no": said == "no", "stamp": self._tick()}
        bad = going.loc[refused, ["id"]].assign(error_code="ANY", error_message="any")
        with self._transaction(may_die=False):
            store_refused(self.connection, bad)
        self._accept(going[~refused], may_die=may_die)

    def _accept(self, accepted: pd.DataFrame, *, may_die: bool) -> None:
        values = accepted["said"].map({"no": '{"HasOptedOutOfEmail":"true"}', "yes": '{"HasOptedOutOfEmail":"false"}'})
        confirmed = pd.DataFrame({"id": accepted["record_id"], "field_values": values})
        with self._transaction(may_die=may_die):
            store_accepted(self.connection, accepted, confirmed, self._tick(), self.now)

    def live(self, rounds: int) -> None:
        """Let people act and the sync come in any order, then let it end without faults."""
        for _ in range(rounds):
            for world in range(self.number):
                if self.dice.random() < 0.5:
                    self.act(world)
            self.now += timedelta(minutes=self.dice.choice([0, 1, 15, 60]))
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
                        self.deliver()
                    case "nothing":
                        pass
            except KilledError:
                continue
        for _ in range(3):
            self.now += timedelta(minutes=15)
            self.deliver(may_die=False)
            self.pull(may_die=False)
            self.deliver(may_die=False)

    # ---- the reckoning, which knows nothing of the rule's code

    def stands(self, address: str) -> bool:
        """Whether somebody said no for the address, and nobody who knew of it said yes later."""
        own = [saying for saying in self.said if saying.address == address]
        return any(not self._is_lifted(no, own) for no in own if no.is_no and self._can_be_known(no))

    def _can_be_known(self, no: Saying) -> bool:
        """Whether the record was at the address when it was last read before, or first read after."""
        reads = [(address, at) for one, address, at in self.read if one == no.place]
        before, after = [one for one in reads if one[1] < no.at][-1:], [one for one in reads if one[1] >= no.at][:1]
        return no.place == HERE or any(address == no.address for address, _ in before + after)

    def _is_lifted(self, no: Saying, own: list[Saying]) -> bool:
        def seen(place: str) -> list[tuple[datetime, datetime]]:
            return [(until, at) for where, to, until, at in self.seen if where == place and to == no.address]

        known = min((at for until, at in seen(no.place) if until >= no.at), default=None)
        return any(
            yes.at > no.at
            and (
                yes.place == no.place or (known is not None and any(known <= at < yes.at for _, at in seen(yes.place)))
            )
            for yes in own
            if not yes.is_no
        )

    def mailed_in_spite(self) -> list[str]:
        """Return the addresses that may be mailed although a no stands for them."""
        rows = self.connection.execute(text("SELECT email_address FROM customer_mailable WHERE is_mailable"))
        return [row.email_address for row in rows if self.stands(row.email_address)]

    def not_told(self) -> list[str]:
        """Return the addresses for which a no stands that no live record of Salesforce holds."""
        found: dict[str, list[bool]] = {}
        for record in self.records.values():
            if not record["deleted"]:
                found.setdefault(record["address"], []).append(record["no"])
        return [address for address, noes in found.items() if not any(noes) and self.stands(address)]

    def mailable(self) -> int:
        """Return how many may be mailed."""
        return int(self.connection.scalar(text("SELECT count(*) FROM customer_mailable WHERE is_mailable")) or 0)

"""People and users of Salesforce in the stand-in org and in the customer database: what they do, and the reckoning."""

import random
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, select, update

from crm_sync.consent.record_store import record_consent
from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.customers import customer
from crm_sync.push.queue_store import enter_campaign
from standins.salesforce.errors import RecordError
from tests.consent.reckoning import HERE, Reckoning, Saying
from tests.consent.society import BY_SQL
from tests.rigs.org import Rig, Row

CAMPAIGN = "spring"
_THERE = ["no", "no", "yes", "yes", "edit", "move", "clear", "delete", "undelete", "merge", "convert"]
_HERE = ["no", "yes", "yes", "list", "take off", "call", "complain", "enter", "enter"]


@dataclass
class Company:
    """`number` worlds that do not know each other, of two addresses each, in one org and one customer database.

    `aged`: how long everything that is stored was made older so far; with it, moments are of one clock. `held`: the
    address and the word of each record as people left it. `written`: records whose word is another one since.
    """

    rig: Rig
    database: CustomerDatabase
    dice: random.Random
    number: int
    aged: timedelta = timedelta(0)
    worlds: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    held: dict[str, tuple[str | None, bool]] = field(default_factory=dict)
    last: dict[str, str] = field(default_factory=dict)
    reckoning: Reckoning = field(default_factory=Reckoning)
    written: dict[str, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Let every world have one to three records, one of five at no."""
        for world in range(self.number):
            for sobject in self.dice.sample(["Contact", "Contact", "Lead"], self.dice.randint(1, 3)):
                is_no = self.dice.random() < 0.2
                values = {"LastName": "A", "Email": self._address(world), "HasOptedOutOfEmail": is_no}
                more = {"Company": "B"} if sobject == "Lead" else {}
                self.worlds[world].append(self.rig.org.records.insert(sobject, values | more))
            self._take_note(world)

    def now(self) -> datetime:
        """Return the moment by a clock that ageing does not turn back."""
        return datetime.now(UTC) + self.aged

    def record(self, one: str) -> Row:
        """Return a record as the org has it."""
        return self.rig.org.records.get("Lead" if one.startswith("00Q") else "Contact", one)

    def everyone(self) -> list[str]:
        """Return the Ids of all records."""
        return [one for some in self.worlds.values() for one in some]

    def act(self, world: int) -> None:
        """Let somebody of a world do something."""
        self._notice_written(self.worlds[world])
        if self.dice.random() < 0.5:
            self._act_here(self.dice.choice(_HERE), self._address(world))
            return
        what = self.dice.choice(_THERE)
        with suppress(RecordError):  # deleted and converted records cannot be changed
            self._act_there(what, world, self.dice.choice(self.worlds[world]))
        # Whose opt-out is taken away in a merge did not say so.
        self._take_note(world, says_yes=what == "yes")

    def _act_there(self, what: str, world: int, one: str) -> None:
        records, sobject, row = self.rig.org.records, "Lead" if one.startswith("00Q") else "Contact", self.record(one)
        match what:
            case "no" if row["HasOptedOutOfEmail"]:
                # Said again, by un-ticking and ticking.
                records.update(sobject, one, {"HasOptedOutOfEmail": True})
                self._say(one, is_no=True)
            case "no" | "yes":
                records.update(sobject, one, {"HasOptedOutOfEmail": what == "no"})
            case "edit":
                records.update(sobject, one, {"Phone": f"020-{self.dice.randint(1, 99)}"})
            case "move" | "clear":
                records.update(sobject, one, {"Email": self._address(world) if what == "move" else None})
            case "delete":
                records.delete(sobject, one)
            case "undelete":
                records.undelete(sobject, one)
            case "convert" if sobject == "Lead":
                contacts = [other for other in self.worlds[world] if other.startswith("003")]
                into = self.dice.choice([None, *contacts])
                made = records.convert(one, into)
                if made not in self.worlds[world]:
                    self.worlds[world].append(made)
            case "merge" if sobject == "Contact":
                self._merge(world, one)

    def _merge(self, world: int, master: str) -> None:
        others = [one for one in self.worlds[world] if one.startswith("003") and one != master]
        if others:
            self.rig.org.records.merge("Contact", master, self.dice.choice(others))
            if self.dice.random() < 0.5:
                # The other record's value was chosen.
                self.rig.org.records.update("Contact", master, {"HasOptedOutOfEmail": False})

    def _act_here(self, what: str, address: str) -> None:
        with self.database.transaction() as connection:
            known = customer.c.unique_key == address
            person = connection.execute(select(customer.c.id, customer.c.opt_in).where(known)).one_or_none()
            if person is None:
                return
            if what == "enter":
                connection.execute(update(customer).where(known).values(job_title=f"T{self.dice.randint(1, 99)}"))
                enter_campaign(connection, CAMPAIGN, [person.id], datetime.now(UTC))
                return
            if what not in {"call", "complain"}:
                self._by_sql(connection, what, address)
                return
        at = self.now()
        cause = "complaint" if what == "complain" else None
        record_consent(self.database, address, "no", datetime.now(UTC), cause=cause)
        self.reckoning.said.append(Saying(at, address, HERE, True, what == "complain", at))
        self.reckoning.here[address].append(self.now())

    def _by_sql(self, connection: Connection, what: str, address: str) -> None:
        where, values = BY_SQL[what]
        changed = connection.execute(update(customer).where(customer.c.unique_key == address, where).values(values))
        if changed.rowcount and what != "take off":
            said = Saying(self.now(), address, HERE, what in {"no", "list"}, what == "list")
            self.reckoning.said.append(said)

    def notice_written(self) -> None:
        """Note the records whose word is not as people left it: the product wrote it."""
        self._notice_written(self.everyone())

    def _notice_written(self, records: list[str]) -> None:
        for one in records:
            address, was_no = self.held[one]
            if bool(self.record(one)["HasOptedOutOfEmail"]) != was_no:
                self.held[one] = (address, not was_no)
                if not was_no:
                    self.written[one] = self.now()

    def _take_note(self, world: int, *, says_yes: bool = False) -> None:
        """Enter what a world's records say since somebody acted."""
        for one in self.worlds[world]:
            row = self.record(one)
            address, is_no = row["Email"], bool(row["HasOptedOutOfEmail"])
            was = self.held.get(one)
            moved = was is not None and was[0] != address
            if moved:
                self.reckoning.moves[one].append(self.now())
            self.last[one] = address or self.last.get(one, "")
            self.held[one] = (address, is_no)
            is_new_no = is_no and (was is None or not was[1] or (moved and address))
            if is_new_no or (was and was[1] and not is_no and says_yes):
                self._say(one, is_no=is_no)

    def _say(self, one: str, *, is_no: bool) -> None:
        self.reckoning.said.append(Saying(self.now(), self.last[one], one, is_no))

    def _address(self, world: int) -> str:
        return f"{self.dice.choice('ab')}{world}@planted.example"

"""People who say no and yes here, and users of Salesforce who edit, move and delete their records."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, update

from crm_sync.database.tables.customers import customer
from tests.consent.reckoning import HERE, Reckoning, Saying

_ACTS = ["no", "yes", "edit", "move", "delete", "here no", "here yes", "here yes", "here list", "here take off"]
# What somebody's SQL does for a customer: where it changes anything, and to what.
BY_SQL: dict[str, tuple[Any, dict[str, Any]]] = {
    # Of a yes and a no between two looks nothing is seen: plain SQL leaves the field as it was.
    "no": (customer.c.opt_in.is_(True) & customer.c.opt_in_set.is_(True), {"opt_in": False}),
    "yes": (customer.c.opt_in.is_(False), {"opt_in": True}),
    "list": (customer.c.status.is_distinct_from("Blacklist"), {"status": "Blacklist"}),
    "take off": (customer.c.blacklist_seen & (customer.c.status == "Blacklist"), {"status": None}),
}


@dataclass
class Society:
    """`number` worlds that do not know each other, of two addresses each, and what is said in them.

    `records`: what Salesforce holds. A record whose address was cleared still is of the person who had the last one.
    """

    connection: Connection
    dice: random.Random
    number: int
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    reckoning: Reckoning = field(default_factory=Reckoning)

    def __post_init__(self) -> None:
        """Let every world have one to three records, one of five at no."""
        for world in range(self.number):
            for kind in self.dice.sample(["003a", "003b", "00Qa"], self.dice.randint(1, 3)):
                one, address = f"{kind}{world:05d}000000AAA", self._address(world)
                record = {"address": address, "last": address, "no": self.dice.random() < 0.2}
                self.records[one] = record | {"phone": 0, "deleted": False, "stamp": self.tick()}
                if record["no"]:
                    self._say(one, is_no=True)

    def tick(self) -> datetime:
        """Let a moment pass."""
        self.now += timedelta(seconds=self.dice.randint(1, 5))
        return self.now

    def _address(self, world: int) -> str:
        return f"{self.dice.choice('ab')}{world}@x.org"

    def act(self, world: int) -> None:
        """Let somebody of a world do something."""
        what, address = self.dice.choice(_ACTS), self._address(world)
        if what.startswith("here"):
            self._act_here(what.removeprefix("here "), address)
            return
        one = self.dice.choice([one for one in self.records if one[4:9] == f"{world:05d}"])
        record = self.records[one]
        record["stamp"] = self.tick()
        if record["deleted"]:
            record["deleted"] = self.dice.random() < 0.7
        elif what == "edit":
            record["phone"] += 1
        elif what == "delete":
            record["deleted"] = self.dice.random() < 0.3
        elif what == "move":
            self._move(one, address if self.dice.random() < 0.8 else None)
        elif what == "no" or record["no"]:
            # A no may be said again, by un-ticking and ticking.
            record["no"] = what == "no"
            self._say(one, is_no=record["no"])

    def _move(self, one: str, address: str | None) -> None:
        record = self.records[one]
        if record["address"] != address:
            self.reckoning.moves[one].append(self.now)
        record |= {"address": address, "last": address or record["last"]}
        if address and record["no"]:
            self._say(one, is_no=True)

    def _say(self, one: str, *, is_no: bool) -> None:
        self.reckoning.said.append(Saying(self.now, self.records[one]["last"], one, is_no))

    def _act_here(self, what: str, address: str) -> None:
        where, values = BY_SQL[what]
        changed = self.connection.execute(
            update(customer).where(customer.c.unique_key == address, where).values(values)
        )
        if changed.rowcount and what != "take off":
            is_no, only_person = what in {"no", "list"}, what == "list"
            self.reckoning.said.append(Saying(self.tick(), address, HERE, is_no, only_person))

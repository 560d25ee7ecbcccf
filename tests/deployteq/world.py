"""Both sides alive by chance, and a reckoning of its own of how everybody has to end."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from crm_sync.database.tables.deployteq import deployteq_resource
from crm_sync.exchange.collection import collect
from crm_sync.exchange.consent import deliver_consent_there
from crm_sync.exchange.delivery import deliver
from crm_sync.exchange.exchange import Exchange
from standins.deployteq.brand import mailable
from tests.deployteq.rig import Rig, count
from tests.rigs.kills import KilledError, KillPoint, killed_at

_STATEMENTS = [
    *("INSERT INTO deployteq_customer", "UPDATE deployteq_customer", "INSERT INTO deployteq_pending"),
    *("DELETE FROM deployteq_pending", "UPDATE customer", "INSERT INTO consent_event", "INSERT INTO address_consent"),
    *("INSERT INTO deployteq_resource", "DELETE FROM deployteq_resource", "INSERT INTO deployteq_connection"),
]


@dataclass
class Person:
    """How somebody has to end, by what was done to them and nothing else."""

    lastname: str
    city: str = ""
    said_no_there: bool = False
    said_no_here: bool = False
    is_deleted_there: bool = False
    # A no there that no whole run has read yet; when the record is deleted before one does, nobody can know of it.
    is_no_unread: bool = False

    @property
    def says_no(self) -> bool:
        """Whether a no stands."""
        return self.said_no_there or self.said_no_here


@dataclass
class World:
    """A few people on both sides."""

    rig: Rig
    dice: Random
    people: dict[int, Person] = field(default_factory=dict)

    def begin(self, number: int) -> None:
        """Pair and deliver the first people."""
        for one in range(number):
            self._add(f"p{one}")
        self.rig.start()

    def act(self, turn: int) -> None:
        """Let something happen to somebody, on either side."""
        rig = self.rig
        rig.people.tick()
        number = self.dice.choice([*self.people])
        person = self.people[number]
        there = None if person.is_deleted_there or not self._is_there(number) else rig.there(number)["id"]
        match self.dice.randrange(9):
            case 0 if there:
                self.dice.choice([rig.readers.unsubscribe, rig.readers.complain])(there)
                person.is_no_unread |= not person.said_no_there
                person.said_no_there = True
            case 1:
                rig.say_no_in_salesforce(number)
                person.said_no_here = True
            case 2 | 3:
                person.lastname = f"Here {turn}"
                rig.change(number, lastname=person.lastname)
            case 4 | 5 if there:
                person.city = f"There {turn}"
                rig.readers.change(there, city=person.city)
            case 6 if there and self.dice.random() < 0.3:
                rig.readers.delete(there)
                person.is_deleted_there = True
            case 7:
                for other, one in self.people.items():
                    one.lastname = f"All {turn}"
                    rig.change(other, lastname=one.lastname)
            case _ if len(self.people) < 30:
                name, says_no = f"n{len(self.people)}", self.dice.random() < 0.5
                if came := self.dice.random() < 0.5:
                    rig.readers.insert(emailAddress=f"{name}@example.com", optIn="N" if says_no else "Y")
                self._add(name).said_no_there = came and says_no

    def cycle(self) -> None:
        """Do a run's work; nobody who said no there, and nobody whose no a whole run has seen, may be mailable."""
        self.rig.cycle()
        for person in self.people.values():
            person.is_no_unread &= person.is_deleted_there
        self.reckon_mails(is_whole=True)

    def reckon_mails(self, *, is_whole: bool) -> None:
        """Reckon whom an ordinary mailing would reach."""
        reached = {one["emailAddress"] for one in self.rig.brand.customers.values() if mailable(one)}
        for number, person in self.people.items():
            if person.said_no_there or (is_whole and person.said_no_here):
                assert self.rig.here(number)["email_address"] not in reached, (number, person)

    def reckon(self) -> None:
        """Compare everybody, here, there and as Salesforce is written to, with the reckoning; nobody is there twice."""
        rig = self.rig
        waiting = {record for record, word in rig.waiting_for_salesforce() if word == "no"}
        for number, person in self.people.items():
            here = rig.here(number)
            assert here["lastname"] == person.lastname, (number, person)
            is_known = not (person.is_deleted_there and person.is_no_unread)
            if is_known or person.said_no_here:
                assert here["opt_in"] is (not person.says_no)
            if person.said_no_there and is_known:
                assert here["salesforce_id"] in waiting
            if person.is_deleted_there:
                continue
            there = rig.there(number)
            assert (here["city"] or "", there["city"], there["lastname"]) == (person.city, person.city, person.lastname)
            assert mailable(there) is (not person.says_no)
        present = [one for one in self.people.values() if not one.is_deleted_there]
        assert len(rig.brand.customers) == len(present)
        # All that are known; one whose number never came cannot be freed.
        assert count(rig, deployteq_resource) == 0

    def _is_there(self, number: int) -> bool:
        try:
            return bool(self.rig.there(number))
        except KeyError:
            return False

    def _add(self, name: str) -> Person:
        made = Person(name.title())
        self.people[self.rig.add(name)] = made
        return made


class _Dying:
    """An account whose process ends at one of its calls, before it is sent or before its answer is seen."""

    def __init__(self, account: Any, nth: int, *, is_sent: bool) -> None:
        self._account, self._left, self._is_sent, self._is_dead = account, nth, is_sent, False

    def __getattr__(self, name: str) -> Any:
        return None if self._is_dead and name == "resources" else getattr(self._account, name)

    def call(self, *arguments: Any, **named: Any) -> Any:
        self._left -= 1
        if self._left > 0:
            return self._account.call(*arguments, **named)
        if not self._is_dead and self._is_sent:
            self._account.call(*arguments, **named)
        self._is_dead = True
        raise KilledError


def cycle_and_die(world: World) -> bool:
    """Do a run's work until it is killed at a statement, a commit or a call; says whether that came."""
    dice, rig = world.dice, world.rig
    rig.people.tick()
    exchange = rig.exchange
    try:
        if dice.random() < 0.5:
            dying: Any = _Dying(exchange.account, dice.randrange(1, 9), is_sent=dice.random() < 0.5)
            _work(replace(exchange, account=dying))
        else:
            with _killed_somewhere(dice):
                _work(exchange)
    except KilledError:
        return True
    return False


def _work(exchange: Exchange) -> None:
    collect(exchange)
    deliver_consent_there(exchange)
    deliver(exchange)


@contextmanager
def _killed_somewhere(dice: Random) -> Iterator[None]:
    moment = dice.choice(["statement", "before", "after"])
    with killed_at(KillPoint(dice.choice(_STATEMENTS), moment, dice.randrange(1, 4))):
        yield

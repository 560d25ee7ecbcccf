"""Who may be mailed after all, by what people did and what the sync had read by then: nothing of the rule's code."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import pairwise

HERE = "here"


@dataclass(frozen=True)
class Saying:
    """What was said: when, for which address, at which place (`here`, or a record's Id).

    `only_person`: nobody but the person takes it back. `known`: when it was known here, of a no that went along with a
    changed address.
    """

    at: datetime
    address: str
    place: str
    is_no: bool
    only_person: bool = False
    known: datetime | None = None


@dataclass(frozen=True)
class Reading:
    """A record as Salesforce gave it: asked for, and known here from `known` on; `landed`: when it was stored.

    `address`: of a record whose address was cleared, the last one that was read.
    """

    address: str
    says_no: bool
    asked: datetime
    known: datetime
    landed: datetime


@dataclass
class Reckoning:
    """All that was said, and what of it could be known here when.

    `readings`: of each record, oldest first. `here`: when the customer of an address was seen at no. `written`: when
    Salesforce had taken a no for a record, with the record's address. `moves`: when a record's address changed.
    """

    said: list[Saying] = field(default_factory=list)
    readings: dict[str, list[Reading]] = field(default_factory=lambda: defaultdict(list))
    here: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    written: dict[str, list[tuple[str, datetime]]] = field(default_factory=lambda: defaultdict(list))
    moves: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))

    def stands(self, address: str, *, only_said: bool = False) -> bool:
        """Whether somebody said no for the address, and nobody who knew of it said yes later.

        `only_said`: leave out what a record said when it was first seen.
        """
        noes = [no for no in self._of(address) if no.is_no and self._can_be_known(no)]
        return any(not self._is_lifted(no) for no in noes if not (only_said and self._is_found(no)))

    def was_asked(self, address: str) -> bool:
        """Whether a no was ever said for the address."""
        return any(saying.is_no for saying in self._of(address))

    def came_back(self, address: str) -> bool:
        """Whether a no was said for the address that does not stand any more."""
        return self.was_asked(address) and not self.stands(address)

    def _of(self, address: str) -> list[Saying]:
        return self._by_address[address]

    @cached_property
    def _by_address(self) -> dict[str, list[Saying]]:
        """All sayings by address, with the noes that went along when a record's address changed."""
        self.__dict__["_by_address"] = found = defaultdict(list)  # what follows asks for it
        for saying in self.said:
            found[saying.address].append(saying)
        for left, reading, old in sorted(self._changes(), key=lambda change: change[1].landed):
            for no in list(found[old]):
                if no.is_no and no.at < left and self._was_known(no, reading) and not self._is_lifted(no, before=left):
                    known = max(left, self._known(no) or left)
                    gone = Saying(left, reading.address, no.place, True, no.only_person, known)
                    found[reading.address].append(gone)
        return found

    def _changes(self) -> Iterator[tuple[datetime, Reading, str]]:
        """Give each change of address that was read: when the record left the old one, its reading, the old one."""
        for place, readings in self.readings.items():
            for before, after in pairwise(readings):
                if before.address != after.address:
                    yield min(at for at in self.moves[place] if at > before.asked), after, before.address

    def _was_known(self, no: Saying, reading: Reading) -> bool:
        """Whether a no was known here when a record was landed; what was said here is looked at first."""
        known = self._known(no)
        return known is not None and (known <= reading.landed if no.place == HERE else known < reading.known)

    def _can_be_known(self, no: Saying) -> bool:
        """Whether the record was at the address when it was last read before the no, or first read after it."""
        if no.place == HERE or no.known:
            return True
        readings = self.readings[no.place]
        before, after = [one for one in readings if one.asked < no.at], [one for one in readings if one.asked >= no.at]
        return any(one.address == no.address for one in before[-1:] + after[:1])

    def _is_found(self, no: Saying) -> bool:
        """Whether the record had said no before it was ever read."""
        return no.place != HERE and not any(one.asked < no.at for one in self.readings[no.place])

    def _is_lifted(self, no: Saying, *, before: datetime | None = None) -> bool:
        known = self._known(no)
        return any(
            yes.at > no.at
            and (yes.place == HERE or not no.only_person)
            and (
                yes.place == no.place
                or (known is not None and any(known <= at < yes.at for _, at in self._at_no(yes.place, yes.address)))
            )
            for yes in self._of(no.address)
            if not yes.is_no and (before is None or yes.at < before)
        )

    def _known(self, no: Saying) -> datetime | None:
        """When a no was known here."""
        return no.known or min(
            (at for until, at in self._read_at_no(no.place, no.address) if until >= no.at), default=None
        )

    def _at_no(self, place: str, address: str) -> list[tuple[datetime, datetime]]:
        """When a place was known here to hold a no for an address: since it was read, or written to it."""
        written = [(at, at) for to, at in self.written[place] if to == address]
        return self._read_at_no(place, address) + written

    def _read_at_no(self, place: str, address: str) -> list[tuple[datetime, datetime]]:
        """Up to which moment a place was read holding a no for an address, and when that was known."""
        if place == HERE:
            return [(at, at) for at in self.here[address]]
        readings = self.readings[place]
        # A no that came with another address is known for both.
        earlier = [None, *(one.address for one in readings[:-1])]
        return [
            (one.asked, one.known)
            for one, before in zip(readings, earlier, strict=True)
            if one.says_no and address in {one.address, before}
        ]

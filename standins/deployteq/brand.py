"""One brand: its customers, groups and option fields, and what happens to them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import RLock
from typing import Any
from zoneinfo import ZoneInfo

from standins.deployteq.faults import BAD_ARGUMENT, NOT_FOUND, SoapFault, Troubles
from standins.deployteq.fields import CHOICES, DEFAULTS, EMPTY, LENGTHS, WRITABLE
from standins.deployteq.switches import Switches

Record = dict[str, Any]
TOKEN_USER = "SOAP user (int)"  # noqa: S105  # a name


def mailable(customer: Record) -> bool:
    """Return whether a mailing goes to the customer."""
    is_stopped = customer["status"] == "BLACKLIST" or customer["complaintCount"]
    return bool(customer["optIn"] == "Y" and customer["emailAddress"] and not is_stopped)


@dataclass
class Resource:
    """A result that is fetched in pages."""

    ids: list[int]
    asked: int = 0


@dataclass
class Brand:
    """A brand in memory; `lock` is held by whoever reads or changes it."""

    token: str
    name: str = "brand"
    switches: Switches = field(default_factory=Switches)
    option_fields: set[str] = field(default_factory=set)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    customers: dict[int, Record] = field(default_factory=dict)
    groups: dict[int, Record] = field(default_factory=dict)
    members: dict[int, dict[int, str]] = field(default_factory=dict)
    resources: dict[int, Resource] = field(default_factory=dict)
    troubles: Troubles = field(default_factory=Troubles)
    journal: list[str] = field(default_factory=list)
    # The outbox group of the unsubscribe process; 0: no such process.
    outbox: int = 0
    # A campaign that mails new customers in the moment they are made, but for those that have this option field filled;
    # which of the customers that the interface made it has mailed.
    greets: str = ""
    greeted: list[int] = field(default_factory=list)
    lock: RLock = field(default_factory=RLock)
    ids: Any = field(default_factory=lambda: count(1001))
    _index: dict[tuple[str, str], dict[int, None]] = field(default_factory=dict)

    def now(self) -> datetime:
        """Return the moment by the brand's clock."""
        return self.clock() + timedelta(seconds=self.switches.clock_off_seconds)

    def stamp(self) -> str:
        """Return the moment as the interface writes it: in the brand's zone, which it does not name."""
        return self.now().astimezone(ZoneInfo(self.switches.zone)).strftime("%Y-%m-%d %H:%M:%S")

    def number(self) -> int:
        """Return a new id."""
        number: int = next(self.ids)
        return number

    def insert(self, values: Record, by: str = TOKEN_USER) -> Record:
        """Make a customer; raises SoapFault for a value that a field does not take."""
        cleaned = self.checked(values)
        stamp = self.stamp()
        consent = {"optIn": self.switches.default_opt_in, "smsOptIn": self.switches.default_sms_opt_in}
        made: Record = DEFAULTS | consent | {"accounts": [], "options": {}}
        made |= {"id": self.number(), "createdBy": by, "createdAt": stamp, "modifiedBy": by, "modifiedAt": stamp}
        self.enter(made)
        self._apply(made, cleaned)
        if self.greets and by == TOKEN_USER and mailable(made) and not made["options"].get(self.greets):
            self.greeted.append(made["id"])
        return made

    def enter(self, customer: Record) -> None:
        """Have a customer as it is."""
        self.customers[customer["id"]] = customer
        self._enter(customer)

    def update(self, customer: Record, values: Record, by: str = TOKEN_USER) -> bool:
        """Change a customer, and say whether anything changed."""
        cleaned = self.checked(values)
        if self.switches.left_out == "emptied" and by == TOKEN_USER:
            cleaned = {**dict.fromkeys(set(WRITABLE) - {"optIn", "smsOptIn"}), **cleaned}
        before = {**customer, "options": dict(customer["options"])}
        self._apply(customer, cleaned)
        if customer == before:
            return False
        customer["modifiedBy"], customer["modifiedAt"] = by, self.stamp()
        return True

    def delete(self, number: int) -> None:
        """Remove a customer everywhere."""
        self._leave(self.find(number))
        del self.customers[number]
        for members in self.members.values():
            members.pop(number, None)

    def find(self, number: int | None) -> Record:
        """Return a customer; raises fault 213 when there is none."""
        if number is None or number not in self.customers:
            raise SoapFault(NOT_FOUND, "Record not found")
        return self.customers[number]

    def group(self, number: int | None) -> dict[int, str]:
        """Return the members of a group; raises fault 213 when there is none."""
        if number is None or number not in self.groups:
            raise SoapFault(NOT_FOUND, "Record not found")
        return self.members[number]

    def make_group(self, name: str) -> int:
        """Make a group and return its id."""
        number = self.number()
        self.groups[number] = {"id": number, "parentId": 0, "name": name, "description": ""}
        self.members[number] = {}
        return number

    def matching(self, wanted: Record) -> list[Record]:
        """Return the customers that have all these values (options among them); none for an empty one."""
        options = wanted.get("options", {})
        pairs = [*((name, value) for name, value in wanted.items() if name != "options"), *options.items()]
        found: list[int] | None = None
        for name, value in pairs:
            if name == "id":
                having = {value: None} if value in self.customers else {}
            else:
                having = self._index.get((name, self._folded(value)), {})
            found = [one for one in (having if found is None else found) if one in having]
        return [self.customers[one] for one in found or ()]

    def _folded(self, value: Any) -> str:
        text = str(value or "")
        return text if self.switches.match_case else text.lower()

    def _enter(self, customer: Record) -> None:
        for key in self._keys(customer):
            self._index.setdefault(key, {})[customer["id"]] = None

    def _leave(self, customer: Record) -> None:
        for key in self._keys(customer):
            self._index.get(key, {}).pop(customer["id"], None)

    def _keys(self, customer: Record) -> list[tuple[str, str]]:
        fields = [(name, customer[name]) for name in ("emailAddress", "externalId", "optIn", "status")]
        return [(name, self._folded(value)) for name, value in (*fields, *customer["options"].items())]

    def checked(self, values: Record) -> Record:
        """Return the values as they are stored; None clears."""
        cleaned: Record = {name: value for name, value in values.items() if name in WRITABLE}
        for name, value in cleaned.items():
            if value and name in CHOICES and value not in CHOICES[name]:
                raise SoapFault(BAD_ARGUMENT, f"Invalid value for {name}")
            longest = LENGTHS.get(name)
            if value and longest and len(value) > longest:
                if self.switches.too_long == "refused":
                    raise SoapFault(BAD_ARGUMENT, f"Value for {name} is too long")
                cleaned[name] = value[:longest]
        kept: dict[str, tuple[str | None, ...]] = {"empty": (None,), "nil": ("",), "neither": (None, "")}
        ignored = kept.get(self.switches.clears, ())
        cleaned = {
            name: value for name, value in cleaned.items() if value not in ignored or name in {"optIn", "status"}
        }
        options = {one["name"]: one.get("value") or "" for one in values.get("options") or [] if one}
        for name in options:
            if name not in self.option_fields:
                raise SoapFault(BAD_ARGUMENT, f"Unknown option field {name}")
        return {**cleaned, "options": options} if options else cleaned

    def _apply(self, customer: Record, cleaned: Record) -> None:
        self._leave(customer)
        for name, value in cleaned.items():
            if name == "options":
                customer["options"] = {**customer["options"], **value}
            elif value or name not in CHOICES:
                customer[name] = value or EMPTY[name]
        self._enter(customer)

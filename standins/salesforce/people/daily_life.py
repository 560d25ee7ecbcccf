"""Random changes as sales people make them: added, changed, converted, merged, deleted and restored records."""

import threading
from contextlib import closing, suppress
from random import Random
from typing import Any

from standins.salesforce.errors import RecordError
from standins.salesforce.org.org import Org

_NAMES = ("Ada", "Bob", "Łucja", "Zoë", "None")
_TITLES = ("Buyer", "CEO", "Assistant", None)
_RECENT = 200


class DailyLife:
    """Random changes to an org's records; the same dice give the same changes."""

    def __init__(self, org: Org, dice: Random, *, addresses: int = 1_000) -> None:
        """Give people one of so many e-mail addresses: few make many people share one."""
        self._org = org
        self._dice = dice
        self._addresses = addresses

    def next_change(self) -> tuple[Any, ...]:
        """Return the next change: a call of the records and its arguments."""
        sobject = self._dice.choice(("Lead", "Contact"))
        there, gone = self._some(sobject, "IsDeleted = FALSE"), self._some(sobject, "IsDeleted = TRUE")
        if len(there) < 2:  # noqa: PLR2004 - a merge takes two
            return "insert", sobject, self._person(sobject)
        changed = {name: value for name, value in self._person(sobject).items() if self._dice.random() < 0.5}  # noqa: PLR2004
        leads = self._some("Lead", "IsDeleted = FALSE AND IsConverted = FALSE")
        choices: list[tuple[Any, ...]] = [
            ("insert", sobject, self._person(sobject)),
            ("update", sobject, self._dice.choice(there), changed),
            ("update", sobject, self._dice.choice(there), {"Email": self._address()}),
            ("delete", sobject, self._dice.choice(there)),
            ("undelete", sobject, self._dice.choice(gone or there)),
            ("convert", self._dice.choice(leads or ["00Q000000000000AAA"])),
            ("merge", sobject, *self._dice.sample(there, 2)),
        ]
        return self._dice.choice(choices)

    def run(self, seconds: float, stopping: threading.Event) -> None:
        """Make a few changes every so many seconds until `stopping` is set."""
        while not stopping.wait(seconds):
            for _ in range(self._dice.randint(1, 4)):
                name, *arguments = self.next_change()
                with suppress(RecordError):  # a converted lead cannot be changed, and so on
                    getattr(self._org.records, name)(*arguments)

    def _some(self, sobject: str, condition: str) -> list[str]:
        soql = f"SELECT Id FROM {sobject} WHERE {condition} ORDER BY SystemModstamp DESC LIMIT {_RECENT}"  # noqa: S608 - ours
        with closing(self._org.query(soql, include_deleted=True)) as found:
            return [row["Id"] for row in found.records(0, _RECENT)]

    def _person(self, sobject: str) -> dict[str, Any]:
        return {
            "LastName": self._dice.choice(_NAMES),
            "Email": self._address(),
            "Title": self._dice.choice(_TITLES),
            "HasOptedOutOfEmail": self._dice.random() < 0.3,  # noqa: PLR2004
            **({"Company": "Acme"} if sobject == "Lead" else {}),
        }

    def _address(self) -> str | None:
        number = self._dice.randrange(-1, self._addresses)
        return (
            self._dice.choice((f"person{number}@example.org", f" Person{number}@Example.org")) if number >= 0 else None
        )

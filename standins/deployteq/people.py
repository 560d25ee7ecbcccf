"""What people do in and with a brand: readers of its mail, and marketers in its screens."""

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

from standins.deployteq.brand import Brand, mailable

_PERSON = "j.jansen"


@dataclass
class People:
    """Readers and marketers of a brand."""

    brand: Brand
    _mailed_until: int = 0
    wrong_mails: Counter[int] = field(default_factory=Counter)

    def unsubscribe(self, number: int) -> None:
        """Take the unsubscribe link: the process sets optIn to N, and puts the customer into the outbox group."""
        self.change(number, optIn="N")

    def subscribe(self, number: int) -> None:
        """Fill in a form with a tick."""
        self.change(number, optIn="Y")

    def complain(self, number: int) -> None:
        """Press the button for spam."""
        with self.brand.lock:
            self.brand.find(number)["complaintCount"] += 1
            self._to_outbox(number)

    def change(self, number: int, **values: Any) -> None:
        """Change a customer as a person does, in a form or in the screens."""
        with self.brand.lock:
            self.brand.update(self.brand.find(number), values, by=_PERSON)
            self._to_outbox(number)

    def insert(self, **values: Any) -> int:
        """Make a customer in the screens, or by a form."""
        with self.brand.lock:
            made: int = self.brand.insert(values, by=_PERSON)["id"]
            return made

    def delete(self, number: int) -> None:
        """Delete a customer in the screens."""
        with self.brand.lock:
            self.brand.delete(number)

    def mail_new_customers(self, stamp_field: str) -> int:
        """Run the campaign that greets new customers, whose profile leaves out those with a stamp; return how many.

        Whoever was made by the interface and carries no stamp is a wrong mail.
        """
        with self.brand.lock:
            new = [one for one in self.brand.customers.values() if one["id"] > self._mailed_until]
            greeted = [one for one in new if not one["options"].get(stamp_field) and mailable(one)]
            self.wrong_mails.update(one["id"] for one in greeted if one["createdBy"] != _PERSON)
            self._mailed_until = max(self.brand.customers, default=0)
            return len(greeted)

    def live(self, dice: Random) -> None:
        """Let something happen to somebody."""
        with self.brand.lock:
            if not self.brand.customers:
                return
            number = dice.choice([*self.brand.customers])
            acts = [self.unsubscribe, self.subscribe, self._move]
            dice.choices(acts, weights=[2, 1, 4])[0](number)

    def _move(self, number: int) -> None:
        self.change(number, city=f"City {number % 97}")

    def _to_outbox(self, number: int) -> None:
        if self.brand.outbox:
            self.brand.members[self.brand.outbox].setdefault(number, self.brand.stamp())

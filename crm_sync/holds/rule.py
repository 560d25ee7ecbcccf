"""What is too much at once: by effect, how many customers a run may change before it waits for a person."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

DELETED = "deleted"
ALL_DELETED = "all deleted"
KEY = "key"
BLANKED = "blanked "

_WORDS = {
    DELETED: "would be marked as deleted in Salesforce",
    ALL_DELETED: "would be marked as deleted, since Salesforce shows no record of the object any more",
    KEY: "would lose their unique field or e-mail address, or get another one",
}


@dataclass(frozen=True)
class HoldLimits:
    """At most `percent` of the known customers, and at least so many, whichever is more."""

    percent: float
    least: int

    def most(self, known: int, effect: str = "") -> int:
        """Return how many customers may be concerned without a person's word."""
        # That nobody is left is never plausible, however few they were.
        return 0 if effect == ALL_DELETED else max(self.least, int(known * self.percent / 100))


@dataclass(frozen=True)
class HeldChange:
    """An effect that is held back: on how many customers, and the records that would have it; `before`: how many
    have had it within a day."""

    effect: str
    customers: int
    records: tuple[str, ...]
    customer_ids: tuple[int, ...]
    before: int = 0

    @property
    def words(self) -> str:
        """What would happen to the customers, and to how many others it has happened already."""
        return f"{self.fate}, after {self.before:,} within a day" if self.before else self.fate

    @property
    def fate(self) -> str:
        """What would happen to each customer."""
        if self.effect.startswith(BLANKED):
            return f"would lose their value of {self.effect.removeprefix(BLANKED)}"
        return _WORDS[self.effect]


def divide(
    waiting: pd.DataFrame, known: int, limits: HoldLimits, before: Mapping[str, int]
) -> tuple[pd.Series, list[HeldChange]]:
    """Return the Ids of records that may land, and what is held back.

    `waiting`: `id`, `customer_id`, `effects` (one a line), `is_approved`. A record waits while any of its effects does.
    `before`: by effect, how many customers have had it within a day.
    """
    single = _by_effect(waiting[~waiting["is_approved"]])
    too_many = [
        effect
        for effect, number in _customers(single).items()
        if number + before.get(effect, 0) > limits.most(known, effect)
    ]
    held = single[single["effect"].isin(too_many)]
    changes = [
        HeldChange(
            str(effect),
            int(rows["customer_id"].nunique()),
            tuple(rows["id"]),
            tuple(rows["customer_id"]),
            before.get(str(effect), 0),
        )
        for effect, rows in held.groupby("effect")
    ]
    return waiting.loc[~waiting["id"].isin(held["id"]), "id"], changes


def count_customers(waiting: pd.DataFrame, landing: pd.Series, *, approved: bool) -> dict[str, int]:
    """Return by effect how many customers are concerned by records that land, those that a person approved or not."""
    is_one = waiting["id"].isin(landing) & waiting["is_approved"].eq(approved)
    return _customers(_by_effect(waiting[is_one]))


def _by_effect(waiting: pd.DataFrame) -> pd.DataFrame:
    return waiting.assign(effect=waiting["effects"].str.split("\n")).explode("effect")


def _customers(single: pd.DataFrame) -> dict[str, int]:
    found = single.groupby("effect")["customer_id"].nunique()
    return {str(effect): int(number) for effect, number in found.items()}

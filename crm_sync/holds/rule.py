"""What is too much at once: by effect, how many customers a run may change before it waits for a person."""

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
        # That nobody is left is never plausible, however large the share.
        return self.least if effect == ALL_DELETED else max(self.least, int(known * self.percent / 100))


@dataclass(frozen=True)
class HeldChange:
    """An effect that is held back: on how many customers, and the records that would have it."""

    effect: str
    customers: int
    records: tuple[str, ...]
    customer_ids: tuple[int, ...]

    @property
    def words(self) -> str:
        """What would happen to the customers."""
        if self.effect.startswith(BLANKED):
            return f"would lose their value of {self.effect.removeprefix(BLANKED)}"
        return _WORDS[self.effect]


def divide(waiting: pd.DataFrame, known: int, limits: HoldLimits) -> tuple[pd.Series, list[HeldChange]]:
    """Return the Ids of records that may land, and what is held back.

    `waiting`: `id`, `customer_id`, `effects` (one a line), `is_approved`. A record waits while any of its effects does.
    """
    open_ = waiting[~waiting["is_approved"]]
    single = open_.assign(effect=open_["effects"].str.split("\n")).explode("effect")
    customers = single.groupby("effect")["customer_id"].nunique()
    too_many = [str(effect) for effect, number in customers.items() if number > limits.most(known, str(effect))]
    held = single[single["effect"].isin(too_many)]
    changes = [
        HeldChange(str(effect), int(rows["customer_id"].nunique()), tuple(rows["id"]), tuple(rows["customer_id"]))
        for effect, rows in held.groupby("effect")
    ]
    return waiting.loc[~waiting["id"].isin(held["id"]), "id"], changes

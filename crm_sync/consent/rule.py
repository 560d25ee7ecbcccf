"""The rule of consent: what a reading says, and which yes lifts which no. Pure; frames in, frames out.

A customer stands at no for a channel as long as there is a no of the person or the address that no yes has lifted.
Every no is judged by itself. Values are only ever seen late, so each saying has an interval: it was said after the
record was last read with the other value (`not_before`) and not after the record's stamp (`not_after`).
"""

from enum import StrEnum

import numpy as np
import pandas as pd

from crm_sync.consent_words import Kind, Side


class Observation(StrEnum):
    """What a reading says about consent, beside what was read before."""

    NOTHING = "nothing"
    FIRST_NO = "first no"  # a no that was found, not seen to be said
    NO = "no"
    NO_AGAIN = "no again"  # it stood at no, and the record was edited: it may have been said again
    YES = "yes"
    FOUND_YES = "found yes"  # a yes that lifts nothing: it came with another address, a merge or a conversion


_OF_YES = ["yes_id", "address_hash", "channel", "side", "reference", "kind", "not_before"]


def observe(readings: pd.DataFrame) -> pd.Series:
    """Return the observation (text) that each reading of a record and channel makes.

    `readings`: `says_no` (boolean, missing when the field is not read), `said_no` (boolean, missing at first sight),
    `was_edited` (bool: its stamp has moved since the last reading, and not by this product's own write),
    `is_same_person` (bool: neither address nor master nor conversion changed since then).

    An unchanged value says nothing, but a no whose record was edited since, by somebody else, counts as said again.
    """
    now, before = readings["says_no"].astype("boolean"), readings["said_no"].astype("boolean")
    no, yes = now.fillna(False).astype(bool), (~now).fillna(False).astype(bool)
    was_no, was_yes = before.fillna(False).astype(bool), (~before).fillna(False).astype(bool)
    is_same = readings["is_same_person"].astype(bool)
    observed = {
        Observation.FIRST_NO: no & before.isna(),
        Observation.NO: no & was_yes,
        # Of another address it was not said before.
        Observation.NO_AGAIN: no & was_no & (readings["was_edited"] | ~is_same),
        Observation.YES: yes & was_no & is_same,
        Observation.FOUND_YES: yes & was_no & ~is_same,
    }
    words = np.select([*observed.values()], [one.value for one in observed], default=Observation.NOTHING.value)
    return pd.Series(words, index=readings.index, dtype="str")


def find_lifted(noes: pd.DataFrame, yeses: pd.DataFrame, *, users_may_lift: bool) -> pd.DataFrame:
    """Return `no_id` and `yes_id` of every standing no that a yes lifts, each no once.

    `noes`: `no_id`, `address_hash`, `channel`, `side`, `reference` (the record; empty for `here`), `only_person`,
    `is_still_said` (bool: its record is live and says no), `not_after`, `seen_at` (datetime). `yeses`: `yes_id`,
    `address_hash`, `channel`, `side`, `reference`, `kind`, `not_before` (datetime, missing when not known). The caller
    hands in a yes only when every side was read after it was seen, and their noes have been entered.

    A yes lifts a no when it was seen to be said (by the person, or by a user where that is allowed), for the same
    address and channel, after the no, and by a side that knew of it: the no came from there, or that side was read
    holding a no after this one was known. In overlapping intervals the no wins.
    """
    pairs = noes.merge(yeses[_OF_YES], on=["address_hash", "channel"], suffixes=("_no", "_yes"))
    is_person = pairs["kind"].eq(Kind.PERSON.value)
    may_lift = is_person | (pairs["kind"].eq(Kind.USER.value) & users_may_lift & ~pairs["only_person"])
    from_salesforce = pairs["side_yes"].eq(Side.SALESFORCE.value)
    # In Salesforce each record is a place of its own.
    same_place = ~from_salesforce | pairs["reference_no"].eq(pairs["reference_yes"])
    is_own = pairs["side_no"].eq(pairs["side_yes"]) & same_place
    # A record that goes on saying no is not overruled by an edit of another record.
    knew = pairs["not_before"].ge(pairs["seen_at"]) & ~(from_salesforce & pairs["is_still_said"])
    is_later = pairs["not_before"].ge(pairs["not_after"])
    lifted = pairs[may_lift & (is_own | knew) & is_later]
    return lifted.sort_values("yes_id").drop_duplicates("no_id")[["no_id", "yes_id"]].reset_index(drop=True)

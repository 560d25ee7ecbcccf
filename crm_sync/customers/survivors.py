"""Which record speaks for a customer, when a lead and a contact, or two of a kind, share the unique field.

The order is total and looks only at what Salesforce holds, so the answer never depends on the order in which
records arrive: not deleted first; a contact before a lead and an unconverted lead before a converted one
(`latest change first` only puts converted leads last); the newest SystemModstamp; the highest Id.
"""

from dataclasses import dataclass

import pandas as pd

from crm_sync.columns.membership import among
from crm_sync.mapping.model import Precedence
from crm_sync.sobject import SObject


@dataclass(frozen=True)
class Survivors:
    """Who speaks in a frame of records; every part is a boolean series with the frame's index.

    `first`: the survivor of its key. `second`: the best record of the other sObject, which gives only the
    customer fields that the survivor's sObject has no link for. `held`: records that cannot be used now, of a key
    for which nobody speaks; their customer stays as it is.
    """

    first: pd.Series
    second: pd.Series
    held: pd.Series


def choose_survivors(records: pd.DataFrame, precedence: Precedence) -> Survivors:
    """Choose the voices among all known records of every key in the frame.

    `records`: `sobject`, `id`, `unique_key` (text, may be missing), `system_modstamp` (datetime), `is_deleted`,
    `is_converted` (boolean), `reject_reason` (text, missing when usable). Ids are unique in the frame.
    """
    live = records["unique_key"].notna() & ~records["is_deleted"]
    usable = live & records["reject_reason"].isna()
    shared = usable & records["unique_key"].where(usable).duplicated(keep=False)
    first, second = usable & ~shared, pd.Series(False, index=records.index)
    if shared.any():
        ranked = in_order(records[shared], precedence)
        is_first = ~ranked["unique_key"].duplicated()
        best_of_object = ~ranked.duplicated(["unique_key", "sobject"])
        first.loc[ranked.index[is_first]] = True
        second.loc[ranked.index[best_of_object & ~is_first]] = True
    held = live & ~usable
    if held.any():
        held &= ~among(records["unique_key"], records.loc[first, "unique_key"])
    return Survivors(first, second, held)


def in_order(records: pd.DataFrame, precedence: Precedence) -> pd.DataFrame:
    """Return the records with the one that speaks first on top."""
    is_lead = records["sobject"] == SObject.LEAD
    kind = records["is_converted"].astype(int)
    if precedence is Precedence.CONTACT_FIRST:
        kind = kind + is_lead.astype(int)
    order = records.assign(kind=kind).sort_values(["kind", "system_modstamp", "id"], ascending=[True, False, False])
    return order.drop(columns="kind")

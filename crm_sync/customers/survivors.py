"""Which record is the survivor, when a lead and a contact, or two of a kind, share the unique key.

The order is total and looks only at what Salesforce holds, so the answer never depends on the order in which
records arrive: not deleted primary; a contact before a lead and an unconverted lead before a converted one
(`latest change primary` only puts converted leads last); the newest SystemModstamp; the highest Id.
"""

from dataclasses import dataclass

import pandas as pd

from crm_sync.columns.membership import among
from crm_sync.mapping.model import Precedence
from crm_sync.sobject import SObject


@dataclass(frozen=True)
class Survivors:
    """The survivors in a frame of records; every part is a boolean series with the frame's index.

    `primary`: the survivor of its key. `secondary`: the best record of the other sObject, which gives only the
    customer fields that the survivor's sObject has no link for. `blocked`: live records with a reject reason, of a key
    without a survivor; their customer stays as it is.
    """

    primary: pd.Series
    secondary: pd.Series
    blocked: pd.Series


def choose_survivors(records: pd.DataFrame, precedence: Precedence) -> Survivors:
    """Choose the survivors of every key in the frame, which holds all known records of these keys.

    `records`: `sobject`, `id`, `unique_key` (text, may be missing), `system_modstamp` (datetime), `is_deleted`,
    `is_converted` (boolean), `reject_reason` (text, missing when usable). Ids are unique in the frame.
    """
    live = records["unique_key"].notna() & ~records["is_deleted"]
    usable = live & records["reject_reason"].isna()
    shared = usable & records["unique_key"].where(usable).duplicated(keep=False)
    primary, secondary = usable & ~shared, pd.Series(False, index=records.index)
    if shared.any():
        ranked = in_order(records[shared], precedence)
        is_primary = ~ranked["unique_key"].duplicated()
        best_of_object = ~ranked.duplicated(["unique_key", "sobject"])
        primary.loc[ranked.index[is_primary]] = True
        secondary.loc[ranked.index[best_of_object & ~is_primary]] = True
    blocked = live & ~usable
    if blocked.any():
        blocked &= ~among(records["unique_key"], records.loc[primary, "unique_key"])
    return Survivors(primary, secondary, blocked)


def in_order(records: pd.DataFrame, precedence: Precedence) -> pd.DataFrame:
    """Return the records in order of precedence, the survivor on top."""
    is_lead = records["sobject"] == SObject.LEAD
    kind = records["is_converted"].astype(int)
    if precedence is Precedence.CONTACT_FIRST:
        kind = kind + is_lead.astype(int)
    order = records.assign(kind=kind).sort_values(["kind", "system_modstamp", "id"], ascending=[True, False, False])
    return order.drop(columns="kind")

"""Records that were deleted, merged or converted after the last pull: whose members follow them, and where to."""

from collections.abc import Sequence

import pandas as pd

from crm_sync.mapping.model import FieldLink
from crm_sync.push.plan import OPEN, State
from crm_sync.sobject import SObject


def find_gone(plan: pd.DataFrame, current: pd.DataFrame) -> pd.DataFrame:
    """Return the open members whose record is gone: `next_id` (text, missing where it leads nowhere), `is_converted`.

    `current`: by Id, the fields of the record itself as Salesforce has them now.
    """
    rows = plan[plan["state"].isin(OPEN) & plan["record_id"].isin(current.index)]
    there = current.reindex(rows["record_id"]).set_axis(rows.index)
    is_deleted = there["IsDeleted"].eq("true")
    is_converted = ~is_deleted & there.get("IsConverted", is_deleted).eq("true")
    contact = there.get("ConvertedContactId", there["MasterRecordId"])
    next_id = there["MasterRecordId"].where(is_deleted, contact)
    found = pd.DataFrame({"next_id": next_id.astype("str"), "is_converted": is_converted})
    return found[is_deleted | is_converted]


def refuse_gone(plan: pd.DataFrame, gone: pd.DataFrame) -> pd.DataFrame:
    """Return the plan with these members refused in Salesforce's words."""
    converted = gone.index[gone["is_converted"]]
    where = plan.index.isin(gone.index)
    is_converted = plan.index.isin(converted)
    return plan.assign(
        state=plan["state"].mask(where, State.UNREACHABLE.value),
        code=plan["code"].mask(where, "ENTITY_IS_DELETED").mask(is_converted, "CANNOT_UPDATE_CONVERTED_LEAD"),
        message=plan["message"].mask(where, "entity is deleted").mask(is_converted, "cannot reference converted lead"),
    )


def moved_people(plan: pd.DataFrame, gone: pd.DataFrame) -> pd.DataFrame:
    """Return the members of records that lead to another one, as people whose own record was joined to it."""
    own = [name for name in plan.columns if not name.startswith(("known ", "merged ", "own ", "send ", "left "))]
    own = [name for name in own if not name.startswith(("confirmed ", "conflict "))]
    moved = plan.loc[gone.index, own]
    return moved.assign(own_id=moved["record_id"], record_id=gone["next_id"], is_joined=True, code=None, message=None)


def records_before(
    records: pd.DataFrame, moved: pd.DataFrame, old_links: Sequence[FieldLink], new_links: Sequence[FieldLink]
) -> pd.DataFrame:
    """Return the mirror's records with the fields of the new object for the old records, and, for a new record that the
    mirror does not have, what its old one had: Salesforce makes the one of the other."""
    old_names = {link.target: link.salesforce_field for link in old_links}
    old_ids = moved["own_id"].drop_duplicates()
    old = records.reindex(old_ids)
    named = {
        link.salesforce_field: old[old_names[link.target]] if link.target in old_names else None for link in new_links
    }
    others = old.drop(columns=[name for name in named if name in old])
    were = pd.concat([others, pd.DataFrame(named, index=old.index)], axis=1)
    others = records[~records.index.isin(old_ids)]
    strangers = moved[~moved["record_id"].isin(others.index)].drop_duplicates("record_id")
    made = were.reindex(strangers["own_id"]).set_axis(pd.Index(strangers["record_id"]))
    return pd.concat([others, were, made])


def one_for_each(plan: pd.DataFrame, moved: pd.Index) -> pd.DataFrame:
    """Let one open member write each record: of those that have moved to it none beside its own."""
    able = plan[plan["state"].isin(OPEN)]
    order = able.assign(is_moved=able.index.isin(moved)).sort_values("is_moved", kind="stable")
    where = plan.index.isin(order.index[order["record_id"].duplicated()])
    message = "Duplicate id specified: another customer of this push writes the same record"
    return plan.assign(
        state=plan["state"].mask(where, State.UNREACHABLE.value),
        code=plan["code"].mask(where, "DUPLICATE_VALUE"),
        message=plan["message"].mask(where, message),
    )


def followed_object(sobject: SObject, gone: pd.DataFrame) -> pd.Series:
    """Return the object that each gone record leads to."""
    return gone["is_converted"].map({True: SObject.CONTACT.value, False: sobject.value}).astype("str")

"""From due moments to records of the two Salesforce objects, and from their results to what is stored."""

import json
from collections.abc import Mapping
from hashlib import sha256

import pandas as pd

from crm_sync.moments.objects import MomentObject, MomentObjects
from crm_sync.moments.settings import MomentRules
from crm_sync.outcomes import RefusalClass
from crm_sync.salesforce.errors.row_refusals import refusal_classes
from crm_sync.salesforce.write.records import CLEAR, RecordWrites
from crm_sync.sobject import SObject

# Characters, as installed; an address that is cut leads nowhere, so a longer one is left out.
_LENGTHS = {"subject": 255, "campaign": 255, "mailing": 255, "bounce_category": 80, "bounce_reason": 255}
_LONGEST_ADDRESS = 255
_LONGEST_MESSAGE = 1_000
_NUMBERS = ("opens", "clicks")


def payload_fingerprint(objects: MomentObjects, rules: MomentRules) -> dict[SObject, str]:
    """Return for each object a fingerprint of all that decides what is written of a moment, but for the moment."""
    return {one.parent: _digest(one, rules) for one in objects.both}


def _digest(one: MomentObject, rules: MomentRules) -> str:
    fields = {holds: one.fields[holds] for holds in rules.fields() if holds in one.fields}
    parts = [one.name, one.lookup, fields, rules.ignore_machine_opens]
    return sha256(json.dumps(parts).encode()).hexdigest()[:16]


def moment_writes(due: pd.DataFrame, one: MomentObject, rules: MomentRules) -> RecordWrites:
    """Return the upserts of due moments (see `read_due`) of one object, in their order and with their index.

    What a moment does not have, or the settings leave out, is cleared: Salesforce may have it from before.
    """
    asked_for = list(rules.fields())
    values = _values(due, rules)[asked_for].fillna(CLEAR)
    nothing = pd.Series(CLEAR, index=due.index, dtype="str")
    columns = {one.lookup: due["parent_id"]}
    columns |= {name: values[holds] if holds in asked_for else nothing for holds, name in one.fields.items()}
    types = {one.fields[holds]: "double" for holds in _NUMBERS if holds in one.fields}
    return RecordWrites(one.name, pd.DataFrame(columns), types, external_id=one.moment_id)


def contents(writes: RecordWrites) -> pd.Series:
    """Return a fingerprint of each record's values, text, with the records' index."""
    # The names belong to it: the same moment in an object of another name has yet to be written.
    names = pd.Series(f"{writes.sobject}.{','.join(writes.records.columns)}", index=writes.records.index, dtype="str")
    columns = writes.records.assign(names=names).astype("object")
    return pd.util.hash_pandas_object(columns, index=False).astype("str")


def tried(due: pd.DataFrame, written: pd.Series, shapes: Mapping[SObject, str]) -> pd.DataFrame:
    """Return due moments as `store_tried` takes them, as if all had gone well with the contents `written`."""
    nothing = pd.Series(None, index=due.index, dtype="str")
    names = ["moment_id", "sobject", "parent_id", "parent_stamp", "version"]
    return due[names].assign(
        payload_fingerprint=due["sobject"].map({str(name): shape for name, shape in shapes.items()}).astype("str"),
        content=written,
        salesforce_id=nothing,
        refusal=nothing,
        error_code=nothing,
        error_message=nothing,
    )


def with_results(expected: pd.DataFrame, results: pd.DataFrame, moment_id: str) -> pd.DataFrame:
    """Return `expected` (see `tried`) as it came out: `results` is its result frame, `moment_id` the external id.

    Two writers at once, a run that was killed and the next one, may both find that a moment is not there yet; the
    slower one is refused for a duplicate, and writing it again is all that it takes.
    """
    classes = refusal_classes(results["error_code"].fillna("").where(~results["success"]), results["error_message"])
    is_race = results["error_code"].eq("DUPLICATE_VALUE") & results["error_message"].str.contains(
        moment_id, case=False, regex=False, na=False
    )
    classes = classes.mask(is_race, RefusalClass.TRANSIENT.value)
    return expected.assign(
        content=expected["content"].where(results["success"]),
        salesforce_id=results["record_id"],
        refusal=classes.where(~results["success"]),
        error_code=results["error_code"],
        error_message=results["error_message"].str.slice(0, _LONGEST_MESSAGE),
    )


def _values(due: pd.DataFrame, rules: MomentRules) -> pd.DataFrame:
    """Return what the fields hold as text, missing where there is nothing to say."""
    opens, counted = {name: due[name] for name in ("first_opened_at", "last_opened_at")}, due["opens"]
    if not rules.ignore_machine_opens:
        opens = {
            "first_opened_at": _earlier(due["first_opened_at"], due["first_machine_opened_at"]),
            "last_opened_at": _later(due["last_opened_at"], due["last_machine_opened_at"]),
        }
        counted = counted + due["machine_opens"]
    address = due["online_version_url"]
    others = ("moment_id", "sent_at", "delivered_at", "first_clicked_at", "last_clicked_at", "bounced_at")
    return pd.DataFrame(
        {
            **{name: due[name] for name in (*others, "unsubscribed_at")},
            **{name: due[name].str.slice(0, length) for name, length in _LENGTHS.items()},
            "online_version": address.where(address.str.len() <= _LONGEST_ADDRESS),
            **opens,
            "opens": counted.astype("str"),
            "clicks": due["clicks"].astype("str"),
        }
    )


def _earlier(one: pd.Series, other: pd.Series) -> pd.Series:
    return one.where(one.notna() & (other.isna() | (one <= other)), other)


def _later(one: pd.Series, other: pd.Series) -> pd.Series:
    return one.where(one.notna() & (other.isna() | (one >= other)), other)

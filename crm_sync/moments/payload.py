"""Due moments as records of the two Salesforce objects, and the results of these records as the export stores them."""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256

import pandas as pd

from crm_sync.columns.texts import cut, utf16_lengths
from crm_sync.moments.objects import MomentObject, MomentObjects
from crm_sync.moments.settings import MomentRules
from crm_sync.salesforce.write.records import CLEAR, RecordWrites
from crm_sync.sobject import SObject

# As installed, in the units that Salesforce counts. An address that is cut leads nowhere, so a longer one is left out.
_LENGTHS = {"subject": 255, "campaign": 255, "mailing": 255, "bounce_category": 80, "bounce_reason": 255}
_LONGEST_ADDRESS = 255
_LONGEST_MESSAGE = 1_000
_NUMBERS = ("opens", "clicks")


def payload_fingerprint(objects: MomentObjects, rules: MomentRules) -> dict[SObject, str]:
    """Return for each object a fingerprint of the names and settings by which a moment becomes a record."""
    return {one.parent: _digest(one, rules) for one in objects.both}


def _digest(one: MomentObject, rules: MomentRules) -> str:
    fields = {holds: one.fields[holds] for holds in rules.fields() if holds in one.fields}
    parts = [one.name, one.lookup, fields, rules.ignore_machine_opens]
    return sha256(json.dumps(parts).encode()).hexdigest()[:16]


def moment_writes(due: pd.DataFrame, objects: MomentObjects, rules: MomentRules) -> list[RecordWrites]:
    """Return due moments (see `read_due`) as upserts, those of contacts first, in their order and with their index.

    A field without a value, or that the settings leave out, is cleared: Salesforce may have it from before.
    """
    found = [(one, due[due["sobject"] == str(one.parent)]) for one in reversed(objects.both)]
    return [_writes(moments, one, rules) for one, moments in found if len(moments)]


def _writes(due: pd.DataFrame, one: MomentObject, rules: MomentRules) -> RecordWrites:
    wanted = list(rules.fields())
    values = _values(due, rules)[wanted].fillna(CLEAR)
    cleared = pd.Series(CLEAR, index=due.index, dtype="str")
    columns = {one.lookup: due["parent_id"]}
    columns |= {name: values[holds] if holds in wanted else cleared for holds, name in one.fields.items()}
    types = {one.fields[holds]: "double" for holds in _NUMBERS if holds in one.fields}
    return RecordWrites(one.name, pd.DataFrame(columns), types, external_id=one.moment_id)


def record_hashes(writes: RecordWrites) -> pd.Series:
    """Return a hash of each record's values, text, with the records' index."""
    # With the names: the same moment in an object of another name has yet to be written.
    names = pd.Series(f"{writes.sobject}.{','.join(writes.records.columns)}", index=writes.records.index, dtype="str")
    columns = writes.records.assign(names=names).astype("object")
    return pd.util.hash_pandas_object(columns, index=False).astype("str")


def expected_results(
    due: pd.DataFrame, writes: Sequence[RecordWrites], fingerprints: Mapping[SObject, str]
) -> pd.DataFrame:
    """Return due moments as `store_results` takes them, as if Salesforce had accepted all; `content` as written."""
    missing = pd.Series(None, index=due.index, dtype="str")
    names = ["moment_id", "customer_id", "sobject", "parent_id", "parent_stamp", "version"]
    by_sobject = {str(sobject): fingerprint for sobject, fingerprint in fingerprints.items()}
    return due[names].assign(
        payload_fingerprint=due["sobject"].map(by_sobject).astype("str"),
        content=pd.concat([record_hashes(one) for one in writes]).reindex(due.index),
        **dict.fromkeys(("salesforce_id", "refusal", "error_code", "error_message"), missing),
    )


def apply_results(expected: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `expected` (see `expected_results`) that the writer has `results` of, with these."""
    rows = expected.loc[results.index]
    return rows.assign(
        content=rows["content"].where(results["success"] & results["refusal"].isna()),
        was_written=results.get("was_written", results["success"]),
        salesforce_id=results["record_id"],
        refusal=results["refusal"],
        error_code=results["error_code"],
        error_message=results["error_message"].str.slice(0, _LONGEST_MESSAGE),
    )


def _values(due: pd.DataFrame, rules: MomentRules) -> pd.DataFrame:
    """Return the values of all fields by content, as text, missing where a moment has none."""
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
            **{name: cut(due[name], length) for name, length in _LENGTHS.items()},
            "online_version": address.where(utf16_lengths(address) <= _LONGEST_ADDRESS),
            **opens,
            "opens": counted.astype("str"),
            "clicks": due["clicks"].astype("str"),
        }
    )


def _earlier(one: pd.Series, other: pd.Series) -> pd.Series:
    return one.where(one.notna() & (other.isna() | (one <= other)), other)


def _later(one: pd.Series, other: pd.Series) -> pd.Series:
    return one.where(one.notna() & (other.isna() | (one >= other)), other)

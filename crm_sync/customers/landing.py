"""Lands one batch of mapped records: mirror, customers derived from it, rejects; the caller's transaction holds it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, text

from crm_sync.columns.membership import among
from crm_sync.customers import mirror
from crm_sync.customers import upsert as upserts
from crm_sync.customers.candidates import already_applied, link_candidates, map_candidates, read_candidates
from crm_sync.customers.conversions import contacts_of_converted_leads, merge_converted
from crm_sync.customers.key_changes import (
    mark_without_record,
    merge_customers,
    merge_merged_records,
    plan_key_changes,
    rename_customers,
)
from crm_sync.customers.survivors import choose_survivors
from crm_sync.customers.upsert import Part
from crm_sync.mapping.model import MappingRules
from crm_sync.runs.counts import Counts
from crm_sync.sobject import SObject

_LANDING_LOCK = 7_023_002
# What the choice of who speaks looks at.
_ORDER = [
    *("sobject", "id", "unique_key", "system_modstamp", "is_deleted", "reject_reason"),
    *("is_converted", "converted_contact_id"),
]


@dataclass(frozen=True)
class LandingContext:
    """What is the same for every batch of a run: the mapping, Salesforce's field types, the run and its clock.

    `only_changed`: pass over records that the mirror holds already, as a pull does with those it reads again. A full
    sync does not: it also mends customers that were changed here.
    """

    rules: MappingRules
    types: Mapping[SObject, Mapping[str, str]]
    sync_run_id: int
    now: datetime
    only_changed: bool = False


def land_batch(connection: Connection, batch: pd.DataFrame, sobject: SObject, landing: LandingContext) -> Counts:
    """Land a batch of one sObject, mapped by `map_records`, and say what became of each record.

    Every step may be repeated and batches may come in any order: a customer follows from what the mirror holds.
    """
    _one_at_a_time(connection)
    newest = _newest_versions(batch)
    fresh, staged = newest, mirror.stage_records(connection, newest)
    met = mirror.match_mirror(connection, staged, only_changed=landing.only_changed)
    if len(met.stale) + len(met.same):
        fresh = newest[~among(newest["id"], pd.concat([met.stale, met.same]))]
        staged = mirror.stage_records(connection, fresh)
    has_both = len(landing.rules.mapped) == len(SObject)
    if sobject is SObject.CONTACT and has_both:
        met = replace(met, moved=pd.concat([met.moved, contacts_of_converted_leads(connection, staged)]))

    siblings = read_candidates(connection, staged, met.moved, but_not=fresh["id"])
    # Records of an object that is mapped no longer have no say.
    heard = siblings[siblings["sobject"].isin(landing.rules.mapped)]
    known = pd.concat(
        [
            fresh[_ORDER].assign(in_batch=True, speaks=False, with_second=False),
            heard[[*_ORDER, "speaks", "with_second"]].assign(in_batch=False),
        ],
        ignore_index=True,
    )
    voices = choose_survivors(known, landing.rules.precedence)
    moves = plan_key_changes(known, voices, met.moved, landing.rules.precedence)

    rename_customers(connection, moves, landing.now)
    # Who spoke for a customer that has gone with another record speaks for the next one.
    has_spoken = already_applied(known, voices) & ~among(known["unique_key"], moves.followed["old_key"])
    news = ~_only_echoes(known, voices.first, met) & ~has_spoken
    first, second = known["id"][voices.first & news], known["id"][voices.second & news]
    others = known["id"][~known["in_batch"] & (voices.first | voices.second) & news]
    parts = [
        Part(sobject, True, fresh),
        *map_candidates(connection, others, landing.rules, landing.types),
    ]
    written = upserts.upsert_customers(
        connection, _only(parts, first), _only(parts, second), landing.rules, landing.now, any_known=met.any_known
    )
    merge_customers(connection, moves, landing.now)
    mark_without_record(connection, moves, landing.now)
    mirror.upsert_records(connection, staged, any_known=met.any_known)
    link_candidates(connection, siblings if len(met.moved) else siblings[siblings["customer_id"].isna()])
    merge_merged_records(connection, staged, _merged_away(fresh, siblings), landing.now)
    if has_both:
        merge_converted(connection, staged, known["id"][voices.first & known["is_converted"]], landing.now)
    mirror.write_rejects(connection, staged, landing.sync_run_id, landing.now, any_known=met.any_known)
    return _count(len(batch), known, voices.first, written, same=len(met.same))


def _only_echoes(known: pd.DataFrame, first: pd.Series, met: mirror.MirrorMatch) -> pd.Series:
    """Say of whose key nothing came but the echo of a push: its customer may have been changed here since."""
    is_echo, keys = among(known["id"], met.echoes), known["unique_key"]
    told = pd.concat([keys[known["in_batch"] & ~is_echo], met.moved["old_key"]]).astype("str")
    return among(keys, keys[first & is_echo]) & ~among(keys, told)


def _merged_away(*frames: pd.DataFrame) -> pd.Series:
    """Return the Ids of records that Salesforce merged into others."""
    merged = [frame.loc[frame["master_record_id"].notna(), "id"].astype("str") for frame in frames]
    return pd.concat(merged)


def _only(parts: list[Part], ids: pd.Series) -> list[Part]:
    """Return of each part the records with these Ids."""
    masks = [among(part.records["id"], ids) for part in parts]
    return [replace(part, records=part.records[mask]) for part, mask in zip(parts, masks, strict=True) if mask.any()]


def _newest_versions(batch: pd.DataFrame) -> pd.DataFrame:
    if not batch["id"].duplicated().any():
        return batch
    return batch.sort_values("system_modstamp", kind="stable").drop_duplicates("id", keep="last")


def _count(read: int, known: pd.DataFrame, first: pd.Series, written: upserts.Written, *, same: int) -> Counts:
    batch = known["in_batch"]
    deleted = int((batch & known["is_deleted"]).sum())
    rejected = int((batch & ~known["is_deleted"] & known["reject_reason"].notna()).sum())
    spoke = int((batch & first).sum())
    return Counts(
        read=read,
        inserted=written.inserted,
        updated=written.updated,
        unchanged=same + spoke - written.inserted - written.updated,
        superseded=read - same - spoke - rejected - deleted,
        rejected=rejected,
        deleted=deleted,
    )


def _one_at_a_time(connection: Connection) -> None:
    # Two batches that share a key would each miss the other's record. SQLite has one writer anyway.
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LANDING_LOCK})
        # A batch is small beside the tables it meets: each of its rows is looked up by an index. Of tables that
        # grow this fast the planner knows no statistics, and would read all of them for every batch.
        for method in ("seqscan", "hashjoin", "mergejoin"):
            connection.execute(text(f"SET LOCAL enable_{method} = off"))
        connection.execute(text("SET LOCAL jit = off"))

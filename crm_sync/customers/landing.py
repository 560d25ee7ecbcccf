"""Lands one batch of mapped records: mirror, customers derived from it, rejects; the caller's transaction holds it."""

from dataclasses import dataclass, replace

import pandas as pd
from sqlalchemy import Connection, Select, Table

from crm_sync.columns.membership import among
from crm_sync.customers import mirror
from crm_sync.customers import upsert as upserts
from crm_sync.customers.candidates import already_applied, link_candidates, map_candidates, read_candidates
from crm_sync.customers.conversions import contacts_of_converted_leads, merge_converted
from crm_sync.customers.field_precedence_store import keep_unchanged
from crm_sync.customers.key_changes import (
    KeyChanges,
    mark_without_record,
    merge_customers,
    merge_merged_records,
    plan_key_changes,
    rename_customers,
)
from crm_sync.customers.landed_consent_store import settle_consent, take_consent
from crm_sync.customers.landing_context import LandingContext
from crm_sync.customers.record_group import RecordGroup
from crm_sync.customers.survivors import Survivors, choose_survivors
from crm_sync.database.dialects import LANDING_LOCK, lock_until_commit, look_up_by_index
from crm_sync.erasure.known_store import without_erased
from crm_sync.holds.held_store import drop_held, held_among, set_aside
from crm_sync.runs.counts import Counts
from crm_sync.sobject import SObject

# The columns that the choice of survivors looks at.
_ORDER = [
    *("sobject", "id", "unique_key", "system_modstamp", "is_deleted", "reject_reason"),
    *("is_converted", "converted_contact_id"),
]


@dataclass(frozen=True)
class _News:
    """The records of a batch that are landed: those that bring something new and harm nobody.

    `concerned`: a query of customers whose consent may change, beside those of the records. `held`: how many records
    are set aside.
    """

    sobject: SObject
    records: pd.DataFrame
    staged: Table
    match: mirror.MirrorMatch
    concerned: Select[tuple[int]]
    held: int


@dataclass(frozen=True)
class _Outcome:
    """What becomes of the batch's keys: `known` are all records that have them, `candidates` those of the mirror."""

    known: pd.DataFrame
    candidates: pd.DataFrame
    survivors: Survivors
    changes: KeyChanges


def land_batch(connection: Connection, batch: pd.DataFrame, sobject: SObject, landing: LandingContext) -> Counts:
    """Land a batch of one sObject, mapped by `map_records`, and return the counts of its outcomes.

    Every step may be repeated and batches may come in any order: a customer follows from what the mirror holds,
    from what was changed here, and from the ledger of consent.
    """
    one_at_a_time(connection)
    newest, erased = without_erased(connection, landing.hashes, newest_versions(batch))
    news = _find_news(connection, newest, sobject, landing)
    outcome = _decide(connection, news, landing)
    rename_customers(connection, outcome.changes, landing.now)
    written, conflicts = _write_customers(connection, news, outcome, landing)
    merge_customers(connection, outcome.changes, landing.now)
    mark_without_record(connection, outcome.changes, landing.now, stop_mailing=landing.stop_mailing)
    _write_records(connection, news, outcome, landing)
    settle_consent(connection, news.staged, news.concerned, landing, has_matches=news.match.has_matches)
    read = len(batch) - news.held - erased.read
    counts = _count(read, outcome.known, outcome.survivors.primary, written, same=len(news.match.same))
    return replace(counts + erased, conflicts=conflicts)


def _find_news(connection: Connection, newest: pd.DataFrame, sobject: SObject, landing: LandingContext) -> _News:
    """Leave out what brings nothing new, take what the rest says of consent, and set aside what would do harm."""
    records, staged = newest, mirror.stage_records(connection, newest)
    seen_again = held_among(connection, staged)
    match = mirror.match_mirror(connection, staged, newest["id"], only_changed=landing.only_changed)
    records, staged = _without(connection, records, staged, pd.concat([match.stale, match.same]))
    # Before anything is decided about the records, and before the mirror forgets what they said.
    concerned = take_consent(connection, records, staged, sobject, landing, has_matches=match.has_matches)
    held = _set_aside(connection, staged, sobject, landing) if match.has_matches else seen_again[:0]
    records, staged = _without(connection, records, staged, held)
    drop_held(connection, seen_again[~among(seen_again, held)])
    rekeyed = match.rekeyed[~among(match.rekeyed["id"], held)]
    if sobject is SObject.CONTACT and landing.maps_both:
        rekeyed = pd.concat([rekeyed, contacts_of_converted_leads(connection, staged)])
    return _News(sobject, records, staged, replace(match, rekeyed=rekeyed), concerned, len(held))


def _without(
    connection: Connection, records: pd.DataFrame, staged: Table, ids: pd.Series
) -> tuple[pd.DataFrame, Table]:
    """Return the records without those with these Ids, and where the rest is staged."""
    if ids.empty:
        return records, staged
    rest = records[~among(records["id"], ids)]
    return rest, mirror.stage_records(connection, rest)


def _decide(connection: Connection, news: _News, landing: LandingContext) -> _Outcome:
    """Choose the survivors of the batch's keys, and plan which customers follow their records to another key."""
    records, match = news.records, news.match
    candidates = read_candidates(connection, news.staged, match.rekeyed, except_ids=records["id"])
    # Records of an object that is no longer mapped cannot survive.
    mapped = candidates[candidates["sobject"].isin(landing.rules.mapped)]
    known = pd.concat(
        [
            _as_edited(records[_ORDER], match.edited_at).assign(in_batch=True, is_source=False, has_secondary=False),
            mapped[[*_ORDER, "is_source", "has_secondary"]].assign(in_batch=False),
        ],
        ignore_index=True,
    )
    survivors = choose_survivors(known, landing.rules.precedence)
    changes = plan_key_changes(known, survivors, match.rekeyed, landing.rules.precedence)
    return _Outcome(known, candidates, survivors, changes)


def _write_customers(
    connection: Connection, news: _News, outcome: _Outcome, landing: LandingContext
) -> tuple[upserts.Written, int]:
    """Give customers the values of their survivors; returns how many changed, and the number of conflicts."""
    known, survivors, followed = outcome.known, outcome.survivors, outcome.changes.followed
    # A customer that followed another record away needs the values of its key's next one.
    is_applied = already_applied(known, survivors) & ~among(known["unique_key"], followed["old_key"])
    primary, secondary = survivors.primary & ~is_applied, survivors.secondary & ~is_applied
    groups = [
        RecordGroup.of(news.sobject, news.records, in_batch=True),
        *map_candidates(
            connection, known["id"][~known["in_batch"] & (primary | secondary)], landing.rules, landing.types
        ),
    ]
    sources, extras, conflicts = _only(groups, known, primary), _only(groups, known, secondary), 0
    has_matches = news.match.has_matches
    if not landing.overwrites:
        had_source = None if has_matches else pd.concat([outcome.candidates["unique_key"], followed["new_key"]])
        sources, conflicts = keep_unchanged(connection, sources, landing, had_source)
        extras, _ = keep_unchanged(connection, extras, landing, had_source, source="secondary_salesforce_id")
    written = upserts.upsert_customers(
        connection,
        sources,
        extras,
        landing.rules,
        landing.now,
        has_matches=has_matches,
        overwrites=landing.overwrites,
    )
    return written, conflicts


def _write_records(connection: Connection, news: _News, outcome: _Outcome, landing: LandingContext) -> None:
    """Write the mirror and the rejects, and merge the customers whose records were merged or converted."""
    staged, candidates, has_matches = news.staged, outcome.candidates, news.match.has_matches
    known, survivors = outcome.known, outcome.survivors
    mirror.upsert_records(connection, staged, landing.read_at, has_matches=has_matches)
    link_candidates(connection, candidates if len(news.match.rekeyed) else candidates[candidates["customer_id"].isna()])
    merge_merged_records(connection, staged, _merged_away(news.records, candidates), landing.now)
    if landing.maps_both:
        merge_converted(connection, staged, known["id"][survivors.primary & known["is_converted"]], landing.now)
    mirror.write_rejects(connection, staged, landing.sync_run_id, landing.now, has_matches=has_matches)


def _set_aside(connection: Connection, staged: Table, sobject: SObject, landing: LandingContext) -> pd.Series:
    """Keep the records that would harm their customers for the end of the run; returns their Ids."""
    if not landing.sets_aside:
        return pd.Series(dtype="str")
    mapping = landing.rules.of(sobject)
    return set_aside(connection, staged, mapping, landing.read_at, none_is_left=landing.none_is_left)


def _as_edited(records: pd.DataFrame, edited_at: pd.Series) -> pd.DataFrame:
    """Return the records with the stamps of their last edits by somebody else than this product."""
    if edited_at.empty:
        return records
    stamps = records["id"].map(edited_at).fillna(records["system_modstamp"])
    return records.assign(system_modstamp=stamps)


def _merged_away(*frames: pd.DataFrame) -> pd.Series:
    """Return the Ids of records that Salesforce merged into others."""
    merged = [frame.loc[frame["master_record_id"].notna(), "id"].astype("str") for frame in frames]
    return pd.concat(merged)


def _only(groups: list[RecordGroup], known: pd.DataFrame, chosen: pd.Series) -> list[RecordGroup]:
    """Return the records that are chosen, group by group; the batch's own are the first of `known`, in its order."""
    is_own, ids = chosen.to_numpy(), known["id"][chosen & ~known["in_batch"]]
    masks = [
        is_own[: len(group.records)] if group.in_batch else among(group.records["id"], ids).to_numpy()
        for group in groups
    ]
    return [group.only(mask) for group, mask in zip(groups, masks, strict=True) if mask.any()]


def newest_versions(batch: pd.DataFrame) -> pd.DataFrame:
    """Return the newest version of each record of a batch."""
    if not batch["id"].duplicated().any():
        return batch
    return batch.sort_values("system_modstamp", kind="stable").drop_duplicates("id", keep="last")


def _count(read: int, known: pd.DataFrame, primary: pd.Series, written: upserts.Written, *, same: int) -> Counts:
    batch = known["in_batch"]
    deleted = int((batch & known["is_deleted"]).sum())
    rejected = int((batch & ~known["is_deleted"] & known["reject_reason"].notna()).sum())
    sources = int((batch & primary).sum())
    return Counts(
        read=read,
        inserted=written.inserted,
        updated=written.updated,
        unchanged=same + sources - written.inserted - written.updated,
        superseded=read - same - sources - rejected - deleted,
        rejected=rejected,
        deleted=deleted,
    )


def one_at_a_time(connection: Connection) -> None:
    """Let no other landing run beside this transaction."""
    # Two batches that share a key would each miss the other's record.
    lock_until_commit(connection, LANDING_LOCK)
    look_up_by_index(connection)

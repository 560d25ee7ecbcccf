"""Writes withdrawals of consent to Salesforce before anything else, and the yeses that take one back there.

Only the consent field of a record is written, so that nothing else about the customer can keep it back. What is refused
stays in the queue, and every pull and push tries it again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pandas as pd
from prefect import get_run_logger, task

from crm_sync.consent.delivery import Step, next_steps
from crm_sync.consent.delivery_store import close_settled, read_waiting, store_accepted, store_held, store_refused
from crm_sync.consent.here_store import notice_changes_here
from crm_sync.consent.queue_store import queue_withdrawals
from crm_sync.consent.standing_store import customers_with, gather, refresh_consent
from crm_sync.consent_words import Channel, Said
from crm_sync.database.engine import CustomerDatabase
from crm_sync.errors import LimitReachedError, QueryError
from crm_sync.mapping.model import FieldLink, MappingRules
from crm_sync.mapping.transform import says_no_of
from crm_sync.push.changes import as_field_values
from crm_sync.push.values import to_salesforce
from crm_sync.runs.counts import counted
from crm_sync.salesforce.read.changed_since import ChangeQuery, Changes
from crm_sync.salesforce.schema.describe import FieldDescription
from crm_sync.salesforce.write.records import RecordWrites
from crm_sync.sobject import SObject
from tasks.push.fields import known_fields
from tasks.run.reading import read_changes, read_frames
from tasks.run.retry_policy import IN_MEMORY
from tasks.run.run import Run, utc_now
from tasks.write.send import open_writer

# Whose reservation of the hour and the day the requests use; no other flow can use it.
WITHDRAWALS = "withdrawals"
_AT_ONCE = 10_000
# Salesforce tells its time in whole seconds, and an answer takes a while.
_SLACK = timedelta(seconds=2)


@dataclass(frozen=True)
class _Part:
    """The waiting deliveries of one object and channel, and the link that says where they are written."""

    sobject: SObject
    channel: Channel
    link: FieldLink
    field: FieldDescription
    waiting: pd.DataFrame


def deliver_consent(run: Run, rules: MappingRules) -> LimitReachedError | None:
    """Write what waits; returns the limit that leaves the rest in the queue for the next run.

    A flow that asks nothing of Salesforce afterwards meets the limit by nothing else: it has to say so at its end.
    """
    waiting = _take_waiting(run.database, rules, run.number)
    if waiting.empty:
        return None
    try:
        with run.ledger.counted_as(WITHDRAWALS):
            _deliver(run, _parts(run, rules, waiting))
    except LimitReachedError as limit:
        get_run_logger().warning("Withdrawals of consent wait in their queue: %s", limit)
        return limit
    return None


@task(task_run_name="find withdrawals that wait", **IN_MEMORY)
def _take_waiting(database: CustomerDatabase, rules: MappingRules, run: int) -> pd.DataFrame:
    """Queue what was said here since the last run, and return what waits."""
    with database.transaction() as connection:
        now = utc_now()
        noticed = notice_changes_here(connection, database.hashes, run=run, now=now)
        if len(noticed) and (touched := gather(connection, customers_with(connection, noticed))) is not None:
            refresh_consent(connection, touched, now)
            queue_withdrawals(connection, touched, rules.linked_consent, now)
        close_settled(connection, now)
        return read_waiting(connection, _AT_ONCE)


def _parts(run: Run, rules: MappingRules, waiting: pd.DataFrame) -> list[_Part]:
    """Return the deliveries by object and channel, with where they are written."""
    parts = []
    for sobject in rules.mapped:
        fields = known_fields(run, sobject)
        for channel, link in rules.consent_links(sobject).items():
            own = waiting[waiting["sobject"].eq(str(sobject)) & waiting["channel"].eq(channel.value)]
            if len(own):
                # Without a type Salesforce is asked by the checkbox that opt-outs are as a rule.
                field = fields.get(link.salesforce_field) or FieldDescription("", "", "boolean")
                parts.append(_Part(sobject, channel, link, field, own))
    return parts


def _deliver(run: Run, parts: Sequence[_Part]) -> None:
    looked, ahead = _look(run, parts)

    def by_salesforce() -> datetime:
        return utc_now() + ahead + _SLACK

    groups = []
    seen = [part for part in parts if (part.sobject, part.channel) in looked]
    parts = [_as_spelt(part, looked[part.sobject, part.channel]) for part in seen]
    for part in parts:
        steps = next_steps(part.waiting, looked[part.sobject, part.channel])
        held = part.waiting[steps.eq(Step.HELD.value)]
        if len(held):
            with run.database.transaction() as connection:
                store_held(connection, held, utc_now(), by_salesforce())
        going = part.waiting[steps.eq(Step.WRITE.value)]
        if len(going):
            records = pd.DataFrame({"Id": going["record_id"].astype("str")}, index=going.index)
            records[part.link.salesforce_field] = _written(part, going)
            groups.append([RecordWrites(part.sobject, records, {part.link.salesforce_field: part.field.type})])
    if not groups:
        return
    every = pd.concat([part.waiting for part in parts])
    for delivery in open_writer(run).write(*groups):
        results = delivery.results
        for part in parts:
            own = results.loc[results.index.isin(part.waiting.index)]
            taken, refused = own[own["success"].eq(True)], own[~own["success"].eq(True)]
            if len(taken):
                _store(run.database, part, every.loc[taken.index], by_salesforce())
            if len(refused):
                _note_refused(run.database, every.loc[refused.index], refused)
        if delivery.limit:
            raise delivery.limit


def _look(run: Run, parts: Sequence[_Part]) -> tuple[dict[tuple[SObject, Channel], pd.DataFrame], timedelta]:
    """Return what the records hold now, by Id, for each object and channel (`says_no`, `is_deleted`, `stamp`), and by
    how much Salesforce's clock is ahead of this machine's. What Salesforce does not show is left out, and waits."""
    looked, ahead = dict[tuple[SObject, Channel], pd.DataFrame](), timedelta(0)
    for some in _asked_together(run, parts):
        ahead = max(one.asked_at for one in some.values()) - utc_now()
        for part in parts:
            changes = some.get(_name(part)) or some.get(str(part.sobject))
            if changes is None:
                continue
            if changes.refusal:
                _note_unseen(run.database, part, changes.refusal)
                continue
            nothing = pd.DataFrame({name: pd.Series(dtype="str") for name in changes.query.columns})
            records = pd.concat([nothing, *read_frames(run, changes)])
            looked[part.sobject, part.channel] = _current(records, part.link)
    return looked, ahead


def _asked_together(run: Run, parts: Sequence[_Part]) -> Iterator[dict[str, Changes]]:
    """Give what the records of all parts hold, by object; when a field is refused, of each part by itself, by its
    name."""
    queries = []
    for sobject in dict.fromkeys(part.sobject for part in parts):
        own = [part for part in parts if part.sobject is sobject]
        ids = pd.concat([part.waiting["record_id"] for part in own]).drop_duplicates()
        types = {part.link.salesforce_field: part.field.type for part in own}
        queries.append(ChangeQuery(sobject, types, None, only_ids=list(ids)))
    try:
        yield read_changes(run, queries)
    except QueryError:
        for part in parts:
            types = {part.link.salesforce_field: part.field.type}
            alone = ChangeQuery(
                part.sobject, types, None, only_ids=list(part.waiting["record_id"]), what=part.channel.value
            )
            try:
                yield read_changes(run, [alone])
            except QueryError as refusal:
                _note_unseen(run.database, part, refusal)


def _name(part: _Part) -> str:
    return f"{part.sobject} {part.channel.value}"


def _note_unseen(database: CustomerDatabase, part: _Part, refusal: QueryError) -> None:
    columns = {"error_code": refusal.code, "error_message": str(refusal)}
    _note_refused(database, part.waiting, pd.DataFrame(columns, index=part.waiting.index, dtype="str"))


def _as_spelt(part: _Part, current: pd.DataFrame) -> _Part:
    """Return the part with the words that its records use, so that a text or a pick list keeps them."""
    words = tuple(current["word"].dropna().astype("str").unique())
    return part if part.field.type == "boolean" else replace(part, field=replace(part.field, picklist_values=words))


def _current(records: pd.DataFrame, link: FieldLink) -> pd.DataFrame:
    current = pd.DataFrame(
        {
            "says_no": says_no_of(records[link.salesforce_field], link),
            "word": records[link.salesforce_field],
            "is_deleted": records["IsDeleted"].eq("true"),
            "stamp": pd.to_datetime(records["SystemModstamp"], utc=True, format="ISO8601"),
        }
    )
    return current.set_index(records["Id"]).groupby(level=0).last()


def _written(part: _Part, deliveries: pd.DataFrame) -> pd.Series:
    """Return the deliveries' words as the field takes them."""
    words = pd.Series("true", index=deliveries.index).mask(deliveries["said"].eq(Said.NO.value), "false")
    return to_salesforce(words.astype("str"), part.link, part.field)[0]


def _store(database: CustomerDatabase, part: _Part, accepted: pd.DataFrame, written_by: datetime) -> None:
    values = pd.DataFrame({part.link.salesforce_field: _written(part, accepted)})
    confirmed = pd.DataFrame({"id": accepted["record_id"], "field_values": as_field_values(values)})
    with database.transaction() as connection:
        store_accepted(connection, accepted, confirmed, utc_now(), written_by)
    noes = int(accepted["said"].eq(Said.NO.value).sum())
    if noes:
        get_run_logger().info("Salesforce holds %s more.", counted(noes, "withdrawal of consent"))


def _note_refused(database: CustomerDatabase, deliveries: pd.DataFrame, results: pd.DataFrame) -> None:
    refused = deliveries[["id"]].assign(error_code=results["error_code"], error_message=results["error_message"])
    with database.transaction() as connection:
        store_refused(connection, refused)
    get_run_logger().warning(
        "Salesforce refused %s (%s); every run tries them again.",
        counted(len(refused), "withdrawal of consent"),
        ", ".join(sorted(set(refused["error_code"].dropna()))),
    )

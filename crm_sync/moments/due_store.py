"""The contact moments that are due for Salesforce now, and those that wait: set-based, without a request."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import CTE, ColumnElement, Connection, Select, Text, and_, case, exists, func, or_, select, type_coerce

from crm_sync.customers.current_record import current_records_of_customers
from crm_sync.database.frames import frame_of
from crm_sync.database.tables.moments import contact_moment, moment_export
from crm_sync.moments.record_store import COUNTS, TEXTS, TIMES
from crm_sync.moments.settings import MomentRules
from crm_sync.outcomes import RefusalClass
from crm_sync.sobject import SObject

# A moment that was refused for something that an administrator may mend is due again after this time, also when nobody
# asks for it; and so is one that was refused a few times by a code that is not known.
_AGAIN_DAILY = (RefusalClass.PERMISSION.value, RefusalClass.AUTOMATION.value, RefusalClass.UNKNOWN.value)
_TRIES_AT_ONCE = 4
_RIGHTS_AGAIN = timedelta(days=1)
# Refused for now: the next run writes it again.
GOES_AGAIN = (RefusalClass.TRANSIENT.value, RefusalClass.TOO_MANY.value, RefusalClass.LIMIT.value)
_DUE_TEXTS = ("sobject", "parent_id", "parent_stamp", "moment_id", "content", *TEXTS, *TIMES)
_NUMBERS = ("version", "customer_id", *COUNTS)
_DUE_COLUMNS = (*_DUE_TEXTS, *_NUMBERS)


_LEFT_SOURCES: dict[str, ColumnElement[Any]] = {
    **{name: moment_export.c[name] for name in ("sobject", "parent_id", "parent_stamp", "moment_id", "content")},
    **{name: contact_moment.c[name] for name in ("version", "customer_id")},
}
_LEFT_COLUMNS = tuple(_LEFT_SOURCES)


@dataclass(frozen=True)
class DueFilter:
    """The conditions for a moment to be due: the settings, how it would be written, the run's start, and whether
    moments that were refused for good are tried again."""

    rules: MomentRules
    payload_fingerprint: Mapping[SObject, str]
    started_at: datetime
    refused_again: bool = False


@dataclass(frozen=True)
class DueCount:
    """The number of moments due for one object, the number of these new to Salesforce, and since when the longest
    waits."""

    due: int = 0
    new: int = 0
    since: datetime | None = None


def read_due(connection: Connection, due_filter: DueFilter, most: int) -> pd.DataFrame:
    """Return at most so many due moments that this run has not tried yet, sorted by lead or contact.

    Columns: `sobject`, `parent_id`, `parent_stamp` (its SystemModstamp), `content` (see moment_export) and those of
    contact_moment, times as `YYYY-MM-DDTHH:MM:SSZ`: text, missing where there is none; `version`, `customer_id` and
    the counts: whole numbers. A moment that was moved to another customer is also due, with no values but its Ids, for
    the record that holds it though nothing of this customer does.
    """
    target = _targets(due_filter)
    query = _due(connection, due_filter, target)
    untried = or_(moment_export.c.tried_at.is_(None), moment_export.c.tried_at < due_filter.started_at)
    moments = contact_moment.c
    columns: dict[str, ColumnElement[Any]] = {
        "sobject": target.c.sobject,
        "parent_id": target.c.parent_id,
        "parent_stamp": _iso(connection, target.c.system_modstamp),
        "content": moment_export.c.content,
        **{name: moments[name] for name in ("moment_id", "version", "customer_id", *TEXTS, *COUNTS)},
        **{name: _iso(connection, moments[name]) for name in TIMES},
    }
    chosen = query.with_only_columns(*(columns[name].label(name) for name in _DUE_COLUMNS)).where(untried)
    order = (target.c.sobject, target.c.parent_id, moments.moment_id)
    found = frame_of(connection.execute(chosen.order_by(*order).limit(most)), _DUE_COLUMNS)
    left = frame_of(connection.execute(_left_behind(due_filter, target).limit(most - len(found))), _LEFT_COLUMNS)
    every = pd.concat([found, left.assign(**dict.fromkeys(COUNTS, 0))], ignore_index=True) if len(left) else found
    return every.astype(dict.fromkeys(_DUE_TEXTS, "str") | dict.fromkeys(_NUMBERS, "int64"))


def count_due(connection: Connection, due_filter: DueFilter) -> dict[SObject, DueCount]:
    """Count the due moments of each object."""
    target = _targets(due_filter)
    is_new = case((moment_export.c.first_exported_at.is_(None), 1), else_=0)
    figures = [func.count(), func.sum(is_new), func.min(contact_moment.c.changed_at)]
    query = _due(connection, due_filter, target).with_only_columns(target.c.sobject, *figures)
    counted = dict.fromkeys(SObject, DueCount())
    for sobject, due, new, since in connection.execute(query.group_by(target.c.sobject)):
        counted[SObject(sobject)] = DueCount(due, int(new), since)
    left = _left_behind(due_filter, target).with_only_columns(moment_export.c.sobject, func.count())
    for sobject, due in connection.execute(left.group_by(moment_export.c.sobject)):
        counted[SObject(sobject)] = replace(counted[SObject(sobject)], due=counted[SObject(sobject)].due + due)
    return counted


def count_still_refused(connection: Connection, due_filter: DueFilter) -> int:
    """Count the moments that earlier runs could not write and that this one has left as they are."""
    refused = (moment_export.c.refusal.not_in(GOES_AGAIN), moment_export.c.tried_at < due_filter.started_at)
    wanted = select(contact_moment.c.moment_id).where(*_wanted(due_filter))
    query = select(func.count()).where(*refused, moment_export.c.moment_id.in_(wanted))
    return connection.scalars(query.select_from(moment_export)).one()


def count_without_record(connection: Connection, due_filter: DueFilter) -> DueCount:
    """Count the moments whose customer has no usable lead or contact yet."""
    target = _targets(due_filter)
    has_record = exists().where(target.c.customer_id == contact_moment.c.customer_id)
    query = select(func.count(), func.min(contact_moment.c.changed_at)).where(*_wanted(due_filter), ~has_record)
    due, since = connection.execute(query).one()
    return DueCount(due, due, since)


def _targets(due_filter: DueFilter) -> CTE:
    customers = select(contact_moment.c.customer_id).where(*_wanted(due_filter)).distinct()
    return current_records_of_customers(customers, both_objects=due_filter.rules.both_objects)


def _wanted(due_filter: DueFilter) -> list[ColumnElement[bool]]:
    """Return the volume controls as conditions."""
    rules, moments = due_filter.rules, contact_moment.c
    conditions: list[ColumnElement[bool]] = []
    if rules.max_age is not None:
        conditions.append(moments.sent_at >= due_filter.started_at - rules.max_age)
    if rules.campaigns:
        conditions.append(moments.campaign.in_(rules.campaigns))
    if rules.happened:
        conditions.append(or_(*(moments[name].is_not(None) for name in rules.happened)))
    return conditions


def _due(connection: Connection, due_filter: DueFilter, target: CTE) -> Select[Any]:
    moments, done = contact_moment, moment_export.c
    same = and_(done.moment_id == moments.c.moment_id, done.sobject == target.c.sobject)
    source = moments.join(target, target.c.customer_id == moments.c.customer_id).join(moment_export, same, isouter=True)
    fingerprints = {str(sobject): fingerprint for sobject, fingerprint in due_filter.payload_fingerprint.items()}
    mended = and_(done.refusal.in_(_AGAIN_DAILY), done.tried_at < due_filter.started_at - _RIGHTS_AGAIN)
    reasons = [
        done.moment_id.is_(None),
        done.version != moments.c.version,
        done.parent_id != target.c.parent_id,
        done.payload_fingerprint != case(fingerprints, value=target.c.sobject),
        done.refusal.in_(GOES_AGAIN),
        and_(done.refusal == RefusalClass.UNKNOWN.value, done.attempts < _TRIES_AT_ONCE),
        mended,
        # Its lead or contact changed, which may have removed the cause of the refusal.
        and_(
            done.refusal.is_not(None),
            done.parent_stamp.is_distinct_from(_iso(connection, target.c.system_modstamp)),
        ),
    ]
    if due_filter.refused_again:
        reasons.append(and_(done.refusal.is_not(None), done.tried_at < due_filter.started_at))
    return select(moments.c.moment_id).select_from(source).where(*_wanted(due_filter), or_(*reasons))


def _left_behind(due_filter: DueFilter, target: CTE) -> Select[Any]:
    """Return the moments that Salesforce holds for a customer whose they are no longer, on an object of which the other
    customer has no record: there the same record would be moved."""
    moments, done = contact_moment.c, moment_export.c
    moves = exists().where(target.c.customer_id == moments.customer_id, target.c.sobject == done.sobject)
    waits = and_(done.refusal.in_(_AGAIN_DAILY), done.tried_at < due_filter.started_at - _RIGHTS_AGAIN)
    return (
        select(*(_LEFT_SOURCES[name] for name in _LEFT_COLUMNS))
        .join_from(moment_export, contact_moment, moments.moment_id == done.moment_id)
        .where(
            done.customer_id != moments.customer_id,
            done.first_exported_at.is_not(None),
            done.tried_at < due_filter.started_at,
            # What was refused of it may be a field only, and the rest is there.
            or_(done.refusal.is_(None), done.refusal.in_(GOES_AGAIN), waits, done.exported_at == done.tried_at),
            ~moves,
        )
    )


def _iso(connection: Connection, time: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return a time as Salesforce writes it, made by the database: in Python it would be a call for each value."""
    if connection.dialect.name == "postgresql":
        return func.to_char(func.timezone("UTC", time), 'YYYY-MM-DD"T"HH24:MI:SS"Z"', type_=Text())
    stored = type_coerce(time, Text())
    return func.substr(stored, 1, 10, type_=Text()) + "T" + func.substr(stored, 12, 8) + "Z"

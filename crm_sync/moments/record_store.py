"""Records contact moments: one call, which may be repeated, with the known columns of some e-mails.

The contract. A moment is one e-mail to one customer, identified by `moment_id`. Calls may come in any order, repeat
themselves and give only some columns: a column that is left out or missing keeps its value. The first open or click is
the earliest ever recorded, the last the latest, a count the highest (counts are totals and never go down), every other
time the earliest; the newest call decides texts and the customer. Only a moment that really changes is exported again.
What comes for a customer who was erased is not kept.

A bounce whose category begins with "hard" sets the customer's `mail_status` to INACTIVE, once; it is no no, and whoever
mends the address sets the status back. A call that does so to many is listed by `undo_run`, as a run.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    case,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    update,
)

from crm_sync.columns.texts import as_frame, as_texts, utf16_lengths
from crm_sync.customers.mail_status_store import not_mailed_for_good
from crm_sync.database.dialects import insert_from, write_and_count
from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.staging import stage
from crm_sync.database.tables.customers import Instant, customer
from crm_sync.database.tables.moments import contact_moment
from crm_sync.database.tables.safety import erased_customer
from crm_sync.runs.history_store import HARD_BOUNCES, end_run, start_run
from crm_sync.runs.states import RunState

TEXTS = ("campaign", "mailing", "subject", "bounce_category", "bounce_reason", "online_version_url")
_EARLIEST = (
    "sent_at",
    "delivered_at",
    "first_opened_at",
    "first_machine_opened_at",
    "first_clicked_at",
    "bounced_at",
    "unsubscribed_at",
)
_LATEST = ("last_opened_at", "last_machine_opened_at", "last_clicked_at")
TIMES = (*_EARLIEST, *_LATEST)
COUNTS = ("opens", "machine_opens", "clicks")
_NEEDED = ("moment_id", "customer_id", "sent_at")
MOMENT_COLUMNS = ("moment_id", "customer_id", *TEXTS, *TIMES, *COUNTS)
_LONGEST_ID = 64
# Customers that one call may stop from being mailed before it can be taken back; few are mended by hand.
_MANY = 50
# At the end of a moment as text, after its minutes; a date alone may end like one.
_ZONE = r":\d\d.*(?:Z|[+-]\d\d:?\d\d)\Z"


def record_moments(
    database: Connection | CustomerDatabase,
    moments: pd.DataFrame | Sequence[Mapping[str, Any]],
    now: datetime,
) -> int:
    """Add contact moments or bring them up to date, and return how many were new or changed.

    `moments`: a frame, or rows, with `moment_id` (text, at most 64 characters), `customer_id` (of the table customer),
    `sent_at`, and as far as known `campaign`, `mailing`, `subject`, `bounce_category`, `bounce_reason`,
    `online_version_url` (text), `delivered_at`, `bounced_at`, `unsubscribed_at`, `first_` and `last_opened_at`,
    `first_` and `last_machine_opened_at`, `first_` and `last_clicked_at` (moments with a time zone), `opens`,
    `machine_opens`, `clicks` (totals). Some hundred thousand at once are fine.
    Raises ValueError, which names no value, for a frame that is not so; then nothing is stored.
    """
    frame = _coalesced(_checked(moments if isinstance(moments, pd.DataFrame) else as_frame(list(map(dict, moments)))))
    if frame.empty:
        return 0
    if isinstance(database, Connection):
        return _upsert(database, frame, now)
    with database.transaction() as connection:
        return _upsert(connection, frame, now)


def _checked(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with every column of its own type."""
    if frame.empty:
        return frame
    unknown = sorted(set(map(str, frame.columns)) - set(MOMENT_COLUMNS))
    if unknown:
        raise ValueError(f"contact moments have no column {unknown[0]}")
    for name in _NEEDED:
        if name not in frame or frame[name].isna().any():
            raise ValueError(f"every contact moment needs a value in {name}")
    ids = as_texts(frame["moment_id"]).str.strip()
    if (ids == "").any() or (utf16_lengths(ids) > _LONGEST_ID).any() or ids.str.contains("\0", regex=False).any():
        raise ValueError(f"a moment_id has 1 to {_LONGEST_ID} characters")
    columns = {"moment_id": ids, "customer_id": _integers(frame["customer_id"])}
    for name in (*TEXTS, *TIMES, *COUNTS):
        values = frame[name] if name in frame else pd.Series(None, index=frame.index, dtype="object")
        columns[name] = _typed(name, values)
    return pd.DataFrame(columns)


def _typed(name: str, values: pd.Series) -> pd.Series:
    if name in TEXTS:
        # A database takes no NUL, and would quote the text when it says so.
        texts = as_texts(values).str.replace("\0", "")
        return texts.mask(texts.str.strip() == "")
    if name not in COUNTS:
        return _instants(values)
    counts = _integers(values).fillna(0)
    if (counts < 0).any():
        raise ValueError(f"{name} is a total and cannot be less than 0")
    return counts


def _integers(values: pd.Series) -> pd.Series:
    try:
        return pd.to_numeric(values).astype("Int64")
    except (TypeError, ValueError):
        raise ValueError(f"{values.name} has a value that is no whole number") from None


def _instants(values: pd.Series) -> pd.Series:
    if values.isna().all():
        return pd.Series(pd.NaT, index=values.index, dtype="datetime64[us, UTC]")
    try:
        # With different offsets, as summer and winter have, pandas only reads them as UTC.
        found = pd.to_datetime(values, utc=True, format=None if _has_moments(values) else "ISO8601")
    except (TypeError, ValueError):
        raise ValueError(f"{values.name} has a value that is no moment") from None
    if not _has_zones(values):
        raise ValueError(f"{values.name} has a moment without a time zone")
    return found.astype("datetime64[us, UTC]")


def _has_moments(values: pd.Series) -> bool:
    return pd.api.types.is_datetime64_any_dtype(values)


def _has_zones(values: pd.Series) -> bool:
    if _has_moments(values):
        return values.dt.tz is not None
    return bool(values.dropna().astype("str").str.contains(_ZONE).all())


def _coalesced(frame: pd.DataFrame) -> pd.DataFrame:
    """Fold the rows of one moment into one, as if they had come one after the other."""
    if frame.empty or not frame["moment_id"].duplicated().any():
        return frame
    ways = dict.fromkeys(("customer_id", *TEXTS), "last") | dict.fromkeys(_EARLIEST, "min")
    ways |= dict.fromkeys((*_LATEST, *COUNTS), "max")
    folded = frame.groupby("moment_id", sort=False, as_index=False).agg(ways)
    return pd.DataFrame(folded)


def _upsert(connection: Connection, frame: pd.DataFrame, now: datetime) -> int:
    moments = contact_moment.c
    types = {name: moments[name].type for name in ("customer_id", *COUNTS)}
    staged = stage(connection, "staged_moment", frame, types)
    if frame["bounced_at"].notna().any() or frame["bounce_category"].notna().any():
        _stop_mailing_bounced(connection, staged, now)
    row: dict[str, ColumnElement[Any]] = {name: staged.c[name] for name in MOMENT_COLUMNS}
    row |= {"version": literal(1, moments.version.type), "changed_at": literal(now, Instant())}
    is_erased = exists(select(erased_customer.c.id).where(erased_customer.c.id == staged.c.customer_id))
    insert = insert_from(connection, contact_moment, row, ~is_erased)
    new = insert.excluded
    values: dict[str, ColumnElement[Any]] = {
        "customer_id": new.customer_id,
        **{name: func.coalesce(new[name], moments[name]) for name in TEXTS},
        **{name: _either(moments[name], new[name], new[name] < moments[name]) for name in _EARLIEST},
        **{name: _either(moments[name], new[name], new[name] > moments[name]) for name in (*_LATEST, *COUNTS)},
    }
    differs = or_(*(moments[name].is_distinct_from(value) for name, value in values.items()))
    changes = {**values, "version": moments.version + 1, "changed_at": new.changed_at}
    return write_and_count(
        connection, insert.on_conflict_do_update(index_elements=["moment_id"], set_=changes, where=differs)
    )


def _stop_mailing_bounced(connection: Connection, staged: Table, now: datetime) -> None:
    """Let who has a hard bounce that is news not be mailed: their address takes no mail, they said no no."""
    known = contact_moment.c
    at, category = (func.coalesce(staged.c[name], known[name]) for name in ("bounced_at", "bounce_category"))
    was_hard = func.coalesce(and_(known.bounced_at.is_not(None), _is_hard(known.bounce_category)), false())
    bounced = (
        select(staged.c.customer_id)
        .join_from(staged, contact_moment, known.moment_id == staged.c.moment_id, isouter=True)
        .where(at.is_not(None), _is_hard(category), ~was_hard)
    )
    stopped = not_mailed_for_good()
    is_news = or_(*(customer.c[name].is_distinct_from(new) for name, new in stopped.items()))
    change = update(customer).values(**stopped, modified_at=now).where(customer.c.id.in_(bounced), is_news)
    if write_and_count(connection, change) > _MANY:
        # By its row, undo-run finds what these customers were.
        number = start_run(connection, HARD_BOUNCES, "", None, now)
        end_run(connection, number, state=RunState.COMPLETED, counts={}, requests_used=0, now=now)


def _is_hard(category: ColumnElement[Any]) -> ColumnElement[bool]:
    return func.lower(category).startswith("hard")


def _either(known: ColumnElement[Any], new: ColumnElement[Any], is_better: ColumnElement[bool]) -> ColumnElement[Any]:
    return case((known.is_(None), new), (is_better, new), else_=known)

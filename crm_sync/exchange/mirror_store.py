"""Deployteq's customers as they are read: into the mirror, and what they say of consent into the ledger."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Text, and_, case, exists, func, literal, or_, select

from crm_sync.columns.address_hash import AddressHash, normalise_address
from crm_sync.consent.ledger_store import affirm, drop_candidates, enter_sayings
from crm_sync.consent.rule import Observation, observe
from crm_sync.consent_words import SAYS_NO, Cause, Channel, Kind, Said, Side
from crm_sync.database.dialects import insert_from, typed
from crm_sync.database.frames import frame_of
from crm_sync.database.staging import stage
from crm_sync.database.tables.consent import consent_event
from crm_sync.database.tables.customers import JSON_OBJECT, Instant, customer
from crm_sync.database.tables.deployteq import deployteq_customer
from crm_sync.deployteq.customers import Customer
from crm_sync.erasure.known_store import without_erased
from crm_sync.exchange.settings import ExchangeSettings
from crm_sync.exchange.values import BLACKLIST, FIELDS, OPTION, STATUS
from crm_sync.salesforce.record_ids import full_ids

# What Deployteq fills in by itself says nothing about the person.
_DEFAULTS = {"gender": "UNKNOWN", "maritalStatus": "UNKNOWN", "emailType": "MULTIPART"}
_COMPARED = frozenset({*FIELDS, STATUS})
_NOES = [Observation.FIRST_NO.value, Observation.NO.value]
_MIRRORED = [
    *("deployteq_id", "identity", "salesforce_id", "address_hash", "says_no_email", "says_no_sms"),
    *("field_values", "modified_at", "modified_by"),
]


@dataclass(frozen=True)
class Reading:
    """What is the same for every customer of a reading.

    `ahead`: by how much Deployteq's clock is ahead of ours. `is_whole`: it is a part of a reading of the whole account.
    """

    brand: str
    settings: ExchangeSettings
    hashes: AddressHash
    run: int | None
    now: datetime
    ahead: timedelta = timedelta(0)
    is_whole: bool = False


def land(
    connection: Connection,
    reading: Reading,
    found: Sequence[Customer],
    wrote: Mapping[Channel, Mapping[int, bool]] | None = None,
) -> pd.Series:
    """Store customers of Deployteq in the mirror and enter what they say; returns the address hashes it is about.

    `wrote`: by channel and Deployteq id, whether this very call has written a no; its echo says nothing.
    """
    if not found:
        return pd.Series(dtype="Int64")
    frame = _without_erased(connection, reading, _frame(reading, found))
    if frame.empty:
        return pd.Series(dtype="Int64")
    hashes = _enter(connection, reading, frame, wrote or {})
    _store(connection, reading, frame)
    return hashes


def _frame(reading: Reading, found: Sequence[Customer]) -> pd.DataFrame:
    unique, salesforce_id = reading.settings.unique, reading.settings.salesforce_id_field
    each = [*{one.id: one for one in found}.values()]
    texts = {
        "identity": [unique.of(one) or None for one in each],
        "salesforce_id": [one.options.get(salesforce_id) for one in each],
        "address": [normalise_address(one.fields.get("emailAddress", "")) or None for one in each],
        "modified_at": [one.fields.get("modifiedAt") for one in each],
        "modified_by": [one.fields.get("modifiedBy") for one in each],
        "field_values": [json.dumps(values_of(one), sort_keys=True) for one in each],
        "cause": [_cause(one) for one in each],
    }
    frame = pd.DataFrame(
        {
            "deployteq_id": [one.id for one in each],
            SAYS_NO[Channel.EMAIL]: [_says_no(one) for one in each],
            SAYS_NO[Channel.SMS]: [one.fields.get("smsOptIn") != "Y" for one in each],
            **{name: pd.Series(values, dtype="str") for name, values in texts.items()},
        }
    )
    frame["salesforce_id"] = full_ids(frame["salesforce_id"])
    frame["address_hash"] = reading.hashes.of_column(frame["address"])
    zone = ZoneInfo(reading.settings.time_zone)
    stamps = pd.to_datetime(frame["modified_at"], errors="coerce", format="%Y-%m-%d %H:%M:%S")
    stamps = (
        stamps.dt.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward").dt.tz_convert("UTC").dt.as_unit("us")
    )
    now = pd.Timestamp(reading.now)
    # A clock of theirs that is ahead of ours does not put a word into the future.
    stamps = (stamps - reading.ahead).fillna(now)
    return frame.assign(stamp=stamps.mask(stamps > now, now).astype("datetime64[us, UTC]"))


def _without_erased(connection: Connection, reading: Reading, frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out who was erased here: Deployteq has the person still."""
    by_record = frame.assign(id=frame["salesforce_id"], is_deleted=False)
    known, _ = without_erased(connection, reading.hashes, by_record)
    return known[frame.columns].reset_index(drop=True)


def _says_no(one: Customer) -> bool:
    is_stopped = one.fields.get("status") == BLACKLIST or one.fields.get("complaintCount", "0") not in {"", "0"}
    return one.fields["optIn"] != "Y" or is_stopped


def _cause(one: Customer) -> str:
    if one.fields.get("complaintCount", "0") not in {"", "0"}:
        return Cause.COMPLAINT.value
    return Cause.BLACKLIST.value if one.fields.get("status") == BLACKLIST else Cause.UNSUBSCRIBED.value


def values_of(one: Customer) -> dict[str, str]:
    """Return what is compared, by the names of a frame of values; what is empty is left out."""
    fields = {name: value for name, value in one.fields.items() if name in _COMPARED and _DEFAULTS.get(name) != value}
    return {**fields, **{OPTION + name: value for name, value in one.options.items()}}


def _enter(
    connection: Connection, reading: Reading, frame: pd.DataFrame, wrote: Mapping[Channel, Mapping[int, bool]]
) -> pd.Series:
    known = _known(connection, reading.brand, frame)
    both = frame.merge(known, on="deployteq_id", how="left")
    both = both[~_says_nothing_new(both, wrote)]
    if both.empty:
        return pd.Series(dtype="Int64")
    of_customer = both["own_hash"].astype("Int64")
    is_own = both["modified_at"].eq(both["known_modified_at"]).fillna(False).astype(bool)
    last_read_at = pd.to_datetime(both["known_read_at"], utc=True)
    same_person = both["known_hash"].astype("Int64").eq(both["address_hash"]) | both["known_hash"].isna()
    is_own |= both["deployteq_id"].isin({number for numbers in wrote.values() for number in numbers})
    hashes = [pd.Series(dtype="Int64")]
    for channel in (Channel.EMAIL, Channel.SMS):
        said = both[f"said_{channel.value}"].astype("boolean")
        if channel in wrote:
            written = both["deployteq_id"].map(wrote[channel]).astype("boolean")
            said = written.where(written.notna(), said)
        says = both[SAYS_NO[channel]].astype("boolean")
        if channel is Channel.SMS:
            says = says.mask(_is_default(both), pd.NA)
        readings = pd.DataFrame(
            {
                "says_no": says,
                "said_no": said,
                "was_edited": both["stamp"].gt(last_read_at) & ~is_own,
                "is_same_person": same_person.fillna(True).astype(bool),
            }
        )
        seen = both.assign(observed=observe(readings), last_read_at=last_read_at, own_hash=of_customer)
        hashes.append(_enter_channel(connection, reading, seen, channel))
    every: pd.Series = pd.concat(hashes).dropna().drop_duplicates()
    return every


def _says_nothing_new(both: pd.DataFrame, wrote: Mapping[Channel, Mapping[int, bool]]) -> "pd.Series[bool]":
    """Tell which customers show nothing new, as most do: they stand at yes as before, or at what this very
    call has written to a new one."""
    says_nothing = pd.Series(True, index=both.index)
    for channel, name in SAYS_NO.items():
        says_no, said_no = both[name], both[f"said_{channel.value}"].eq(True)
        is_echo = both["known_read_at"].isna() & both["deployteq_id"].map(wrote.get(channel, {})).eq(says_no)
        says_nothing &= is_echo | ~(says_no | said_no) | (_is_default(both) if channel is Channel.SMS else False)
    return says_nothing


def _is_default(both: pd.DataFrame) -> "pd.Series[bool]":
    """Tell of noes to SMS that nobody said: only where it was yes, or somebody said no before, has anybody."""
    return both[SAYS_NO[Channel.SMS]] & ~both["said_sms"].eq(False) & ~both["has_said_no_sms"].eq(True)


def _enter_channel(connection: Connection, reading: Reading, seen: pd.DataFrame, channel: Channel) -> pd.Series:
    """Enter what was seen, for the address that it has there, and for that of the customer it is paired with."""
    seen = seen[seen["observed"].ne(Observation.NOTHING.value)]
    own = seen.assign(address_hash=seen["own_hash"])
    seen = pd.concat([seen, own]).drop_duplicates(["deployteq_id", "address_hash"])
    seen = seen[seen["address_hash"].notna()].reset_index(drop=True)
    if seen.empty:
        return pd.Series(dtype="Int64")
    no, again = seen["observed"].isin(_NOES), seen["observed"].eq(Observation.NO_AGAIN.value)
    is_found = seen["observed"].isin([Observation.FIRST_NO.value, Observation.FOUND_YES.value])
    sayings = seen.assign(
        channel=channel.value,
        side=Side.DEPLOYTEQ.value,
        reference=seen["deployteq_id"].astype("str"),
        not_after=seen["stamp"],
        not_before=seen["last_read_at"],
        said=pd.Series(Said.YES.value, index=seen.index).mask(no, Said.NO.value),
        kind=pd.Series(Kind.PERSON.value, index=seen.index).mask(is_found, Kind.SEEN.value),
        cause=seen["cause"].where(no, Cause.SUBSCRIBED.value),
    )
    drop_candidates(connection, sayings[no | again])
    enter_sayings(connection, sayings[~again], run=reading.run, now=reading.now)
    affirm(connection, sayings[again], now=reading.now)
    hashes: pd.Series = sayings["address_hash"].astype("Int64")
    return hashes


def is_mirrored(connection: Connection, brand: str, number: int) -> bool:
    """Tell whether a customer of Deployteq was ever read."""
    mirror = deployteq_customer.c
    query = select(mirror.deployteq_id).where(mirror.brand == brand, mirror.deployteq_id == number)
    return connection.scalar(query) is not None


def _known(connection: Connection, brand: str, frame: pd.DataFrame) -> pd.DataFrame:
    mirror = deployteq_customer.c
    staged = stage(connection, "staged_there", frame[["deployteq_id"]], {"deployteq_id": mirror.deployteq_id.type})
    columns = {
        "deployteq_id": mirror.deployteq_id,
        "known_modified_at": mirror.modified_at,
        "known_hash": mirror.address_hash,
        "known_read_at": mirror.read_at,
        "said_email": mirror.says_no_email,
        "said_sms": mirror.says_no_sms,
        "own_hash": customer.c.address_hash,
        "has_said_no_sms": _has_said_no_sms(),
    }
    query = (
        select(*columns.values())
        .join_from(staged, deployteq_customer, mirror.deployteq_id == staged.c.deployteq_id)
        .join(customer, customer.c.id == mirror.customer_id, isouter=True)
        .where(mirror.brand == brand)
    )
    # As objects: a column of whole numbers with a gap would become one of decimals, and lose digits.
    return frame_of(connection.execute(query), columns, dtype="object").astype({"deployteq_id": "int64"})


def _has_said_no_sms() -> ColumnElement[bool]:
    mirror, event = deployteq_customer.c, consent_event.c
    of_person = event.address_hash.in_([mirror.address_hash, customer.c.address_hash])
    in_place = and_(event.channel == Channel.SMS.value, event.side == Side.DEPLOYTEQ.value)
    is_no = and_(in_place, event.reference == mirror.deployteq_id.cast(Text), event.said == Said.NO.value)
    return exists(select(event.id).where(of_person, is_no))


def _store(connection: Connection, reading: Reading, frame: pd.DataFrame) -> None:
    mirror = deployteq_customer.c
    types = {name: mirror[name].type for name in ("deployteq_id", "address_hash", "says_no_email", "says_no_sms")}
    staged = stage(connection, "staged_mirror", frame[_MIRRORED], types)
    moment = literal(reading.now, Instant())
    row: dict[str, ColumnElement[Any]] = {
        "brand": literal(reading.brand),
        **{name: staged.c[name] for name in _MIRRORED},
        "field_values": typed(connection, staged.c.field_values, JSON_OBJECT),
        "read_at": moment,
        "seen_at": moment if reading.is_whole else literal(None, Instant()),
    }
    insert = insert_from(connection, deployteq_customer, row)
    new = insert.excluded
    is_same = mirror.field_values == new.field_values
    if connection.dialect.name == "sqlite":
        is_same = func.json(mirror.field_values) == func.json(new.field_values)
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["brand", "deployteq_id"],
            set_={name: new[name] for name in _MIRRORED[1:]}
            | {
                "read_at": new.read_at,
                "seen_at": func.coalesce(new.seen_at, mirror.seen_at),
                "compared_at": case((is_same, mirror.compared_at), else_=None),
                "missing_since": None,
                "deleted_there_at": None,
            },
            where=or_(mirror.read_at <= new.read_at, mirror.read_at.is_(None)),
        )
    )

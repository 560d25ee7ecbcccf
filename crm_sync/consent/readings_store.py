"""Takes consent from every record that was read, before mapping, condition, reject or survivor decide about it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Select, Table, and_, false, func, or_, select

from crm_sync.consent.ledger_store import affirm, carry_over, drop_candidates, enter_sayings
from crm_sync.consent.rule import Observation, observe
from crm_sync.consent_words import SAYS_NO, Cause, Channel, Kind, Said, Side
from crm_sync.database.confirmed_values import is_own_write
from crm_sync.database.frames import frame_of
from crm_sync.database.staging import stage
from crm_sync.database.tables.customers import customer, salesforce_record
from crm_sync.sobject import SObject

_SAME_PERSON = ["address_hash", "master_record_id", "converted_contact_id"]
_FOUND_NO = {"said": Said.NO.value, "kind": Kind.SEEN.value, "cause": Cause.FIRST_SIGHT.value}
_NOES = [Observation.FIRST_NO.value, Observation.NO.value]


@dataclass(frozen=True)
class ReadingContext:
    """What is the same for every batch: the run, its clock, and the moment up to which changes were known before.

    `known_until`: by sObject, the watermark of before less the overlap; a record that brings a change now was until
    then as the mirror has it. `is_first_reading`: objects whose consent links are new; their values are only found.
    """

    run: int
    now: datetime
    known_until: Mapping[SObject, datetime] = field(default_factory=dict)
    is_first_reading: Collection[SObject] = ()


def enter_readings(connection: Connection, staged: Table, sobject: SObject, context: ReadingContext) -> pd.Series:
    """Enter what the staged records of an object say about consent; returns the address hashes it is about.

    `staged`: `id`, `system_modstamp`, `is_deleted`, `field_values`, `address_hash`, `says_no_email`, `says_no_sms`,
    `master_record_id`, `converted_contact_id`. A deleted record can say no, and nothing else.
    """
    found = _read(connection, staged)
    if found.empty:
        return pd.Series(dtype="Int64")
    if sobject in context.is_first_reading:
        for channel in Channel:
            found[f"said_{channel.value}"] = pd.array([pd.NA] * len(found), dtype="boolean")
    entered = [_enter(connection, found, sobject, channel, context) for channel in Channel]
    hashes: pd.Series[int] = pd.concat(entered).dropna().drop_duplicates()
    return hashes


def enter_first_readings(connection: Connection, records: pd.DataFrame, context: ReadingContext) -> pd.Series:
    """As `enter_readings`, of records that are all new to the mirror: a no is found, a yes says nothing."""
    columns = {"address_hash": "address_hash", "id": "reference", "system_modstamp": "not_after"}
    present = records["address_hash"].notna()
    noes = pd.concat(
        records.loc[records[name].eq(True).fillna(False) & present, [*columns]].assign(channel=channel.value)
        for channel, name in SAYS_NO.items()
    )
    noes = noes.rename(columns=columns).assign(side=Side.SALESFORCE.value, **_FOUND_NO)
    drop_candidates(connection, noes)
    enter_sayings(connection, noes, run=context.run, now=context.now)
    hashes: pd.Series[int] = noes["address_hash"].drop_duplicates()
    return hashes


def carry_along(connection: Connection, staged: Table, context: ReadingContext) -> pd.Series:
    """Let the noes of an address go along with the staged records that have another one now.

    The customer may stay behind with another record of the address. Comes after what the records say was entered.
    Returns the hashes of the addresses on both sides; of one that was cleared, of the one before.
    """
    mirror = salesforce_record.c
    query = (
        select(mirror.address_hash, staged.c.address_hash, staged.c.system_modstamp)
        .join_from(staged, salesforce_record, mirror.id == staged.c.id)
        .where(mirror.address_hash.is_not(None), mirror.address_hash.is_distinct_from(staged.c.address_hash))
    )
    found = frame_of(connection.execute(query), ["old_hash", "new_hash", "moved_at"], dtype="object")
    moved = found.astype(dict.fromkeys(["old_hash", "new_hash"], "Int64"))
    moved["moved_at"] = pd.to_datetime(found["moved_at"], utc=True)
    carry_over(connection, moved.dropna(subset=["new_hash"]), run=context.run, now=context.now)
    hashes: pd.Series[int] = pd.concat([moved["old_hash"], moved["new_hash"]]).dropna()
    return hashes


def read_until() -> ColumnElement[datetime]:
    """The stamp of the version of a record from which consent was last read."""
    return func.coalesce(salesforce_record.c.consent_stamp, salesforce_record.c.system_modstamp)


def _read(connection: Connection, staged: Table) -> pd.DataFrame:
    """Return what the staged records and the mirror say, of those where either says no."""
    mirror = salesforce_record.c
    says = {f"says_{channel.value}": staged.c[name] for channel, name in SAYS_NO.items()}
    said = {f"said_{channel.value}": mirror[name] for channel, name in SAYS_NO.items()}
    # A record whose address was cleared still is of the person who had it.
    now_has: dict[str, ColumnElement[Any]] = {name: staged.c[name] for name in _SAME_PERSON}
    now_has["address_hash"] = func.coalesce(staged.c.address_hash, mirror.address_hash)
    same_person = and_(*(mirror[name].is_not_distinct_from(value) for name, value in now_has.items()))
    columns: dict[str, ColumnElement[Any]] = {
        "id": staged.c.id,
        "stamp": staged.c.system_modstamp,
        "address_hash": staged.c.address_hash,
        "old_hash": mirror.address_hash,
        "last_read_at": mirror.read_at,
        "was_edited": and_(
            func.coalesce(staged.c.system_modstamp > read_until(), false()),
            ~is_own_write(connection, dict(staged.c.items())),
        ),
        "is_same_person": and_(func.coalesce(same_person, false()), ~staged.c.is_deleted),
        **says,
        **said,
    }
    query = (
        select(*(value.label(name) for name, value in columns.items()))
        .join_from(staged, salesforce_record, mirror.id == staged.c.id, isouter=True)
        .where(
            or_(~staged.c.is_deleted, *says.values()),
            or_(mirror.id.is_(None), read_until() <= staged.c.system_modstamp),
            or_(*says.values(), *said.values()),
        )
    )
    # As objects: a column of whole numbers with a gap would become one of decimals, and lose digits.
    found = frame_of(connection.execute(query), columns, dtype="object")
    moments = {name: pd.to_datetime(found[name], utc=True) for name in ("stamp", "last_read_at")}
    hashes = {name: found[name].astype("Int64") for name in ("address_hash", "old_hash")}
    flags = {name: found[name].astype("boolean") for name in (*says, *said)}
    plain = {name: found[name].astype("bool") for name in ("was_edited", "is_same_person")}
    return found.assign(**moments, **hashes, **flags, **plain)


def _enter(
    connection: Connection, found: pd.DataFrame, sobject: SObject, channel: Channel, context: ReadingContext
) -> pd.Series:
    readings = found.rename(columns={f"says_{channel.value}": "says_no", f"said_{channel.value}": "said_no"})
    readings = readings[(readings["says_no"].eq(True) | readings["said_no"].eq(True)).fillna(False).astype(bool)]
    if readings.empty:
        return pd.Series(dtype="Int64")
    seen = readings.assign(observed=observe(readings))
    seen = _for_both_addresses(seen[seen["observed"].ne(Observation.NOTHING.value)])
    if seen.empty:
        return pd.Series(dtype="Int64")
    seen = seen.assign(
        channel=channel.value,
        side=Side.SALESFORCE.value,
        reference=seen["id"].astype("str"),
        not_after=seen["stamp"],
        not_before=_not_before(seen["last_read_at"], context.known_until.get(sobject)),
    )
    is_no, is_again = seen["observed"].isin(_NOES), seen["observed"].eq(Observation.NO_AGAIN.value)
    drop_candidates(connection, seen[is_no | is_again])
    enter_sayings(connection, _sayings(seen[~is_again]), run=context.run, now=context.now)
    affirm(connection, seen[is_again], now=context.now)
    hashes: pd.Series = seen["address_hash"]
    return hashes


def _for_both_addresses(seen: pd.DataFrame) -> pd.DataFrame:
    """Repeat noes that came together with another address for the old one: it is not known which of the two said it."""
    both = seen["observed"].isin([*_NOES, Observation.NO_AGAIN.value]) & seen["old_hash"].notna()
    both &= seen["old_hash"].ne(seen["address_hash"]).fillna(True).astype(bool)
    again = seen[both]
    whole = pd.concat([seen, again.assign(address_hash=again["old_hash"])]) if len(again) else seen
    return whole[whole["address_hash"].notna()].drop_duplicates(["id", "address_hash"])


def _not_before(last_read_at: pd.Series, known_until: datetime | None) -> pd.Series:
    """Return since when a record may have changed: it was read then, or a pull would have brought it."""
    if known_until is None:
        return last_read_at
    return last_read_at.mask(last_read_at < known_until, pd.Timestamp(known_until))


def _sayings(seen: pd.DataFrame) -> pd.DataFrame:
    is_no = seen["observed"].isin(_NOES)
    is_found = seen["observed"].isin([Observation.FIRST_NO.value, Observation.FOUND_YES.value])
    is_first = seen["observed"].eq(Observation.FIRST_NO.value)
    index = seen.index
    return seen.assign(
        said=pd.Series(Said.YES.value, index=index).mask(is_no, Said.NO.value),
        kind=pd.Series(Kind.USER.value, index=index).mask(is_found, Kind.SEEN.value),
        cause=pd.Series(Cause.EDITED.value, index=index).mask(is_first, Cause.FIRST_SIGHT.value),
    )


def customers_of(connection: Connection, hashes: pd.Series) -> Select[tuple[int]]:
    """Return a query of the ids of all customers with these address hashes."""
    frame = pd.DataFrame({"address_hash": hashes.astype("Int64")})
    staged = stage(connection, "staged_hash", frame, {"address_hash": customer.c.address_hash.type})
    return select(customer.c.id).join(staged, staged.c.address_hash == customer.c.address_hash)

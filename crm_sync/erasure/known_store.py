"""Who was erased: keyed hashes of addresses and of record Ids, by which a record that comes again is known."""

from collections.abc import Collection
from datetime import datetime

import pandas as pd
from sqlalchemy import BigInteger, Connection, delete, exists, select

from crm_sync.columns.address_hash import AddressHash, normalise_address
from crm_sync.database.dialects import insert_for, write_and_count
from crm_sync.database.staging import stage
from crm_sync.database.tables.safety import erased
from crm_sync.runs.counts import Counts
from crm_sync.salesforce.record_ids import full_id


def remember(connection: Connection, hashes: Collection[int], now: datetime) -> None:
    """Keep that the people with these hashes were erased."""
    rows = [{"hash": one, "at": now} for one in sorted(set(hashes))]
    if rows:
        connection.execute(insert_for(connection, erased).values(rows).on_conflict_do_nothing())


def readmit(connection: Connection, hashes: AddressHash, *names: str) -> int:
    """Let a person who asks to be a customer again come with the next full sync; returns how many hashes went.

    `names`: the address, and the Id of each record that is to count again. The noes of before stand.
    """
    addresses = [hashes.of(normalise_address(name)) for name in names]
    ids = [full_id(name.strip()) or name.strip() for name in names]
    records = record_hashes(hashes, pd.Series(ids, dtype="str"))
    return write_and_count(connection, delete(erased).where(erased.c.hash.in_([*addresses, *map(int, records)])))


def record_hashes(hashes: AddressHash, ids: pd.Series) -> pd.Series:
    """Return the hash of each record Id; it cannot be taken for that of an address."""
    return hashes.of_column("record:" + ids.astype("str"))


def without_erased(connection: Connection, hashes: AddressHash, records: pd.DataFrame) -> tuple[pd.DataFrame, Counts]:
    """Return the records (`id`, `address_hash`, `is_deleted`) without those of erased people, and the counts of these.

    They leave no trace: even the Id of a record would be one.
    """
    if not connection.scalar(select(exists(select(erased.c.hash)))):
        return records, Counts()
    by_id, by_address = record_hashes(hashes, records["id"]), records["address_hash"].astype("Int64")
    every = pd.DataFrame({"hash": pd.concat([by_id, by_address]).dropna().drop_duplicates().astype("Int64")})
    staged = stage(connection, "staged_hash_seen", every, {"hash": BigInteger()})
    found = pd.Series(connection.scalars(select(erased.c.hash).join(staged, staged.c.hash == erased.c.hash)).all())
    is_erased = (by_id.isin(found) | by_address.isin(found)).astype("bool")
    number, deleted = int(is_erased.sum()), int((is_erased & records["is_deleted"]).sum())
    counts = Counts(read=number, rejected=number - deleted, deleted=deleted, erased=number - deleted)
    return records[~is_erased], counts

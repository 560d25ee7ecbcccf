"""Who is who: customers of Deployteq and ours, by Salesforce Id, identity and e-mail address; never by name."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, select, update

from crm_sync.consent.ledger_store import enter_sayings
from crm_sync.consent_words import Cause, Channel, Kind, Said, Side
from crm_sync.database.frames import frame_of
from crm_sync.database.staging import stage
from crm_sync.database.tables.customers import customer, salesforce_record
from crm_sync.database.tables.deployteq import deployteq_customer
from crm_sync.exchange.settings import SeveralThere
from crm_sync.exchange.values import IDENTITY, identities

_PAIR = ["deployteq_id", "customer_id", "modified_at", "is_taken"]


@dataclass(frozen=True)
class Paired:
    """What a pairing came to: pairs by way, doubles there, records there that several customers here could be."""

    by_way: dict[str, int] = field(default_factory=dict)
    doubles: int = 0
    unclear: int = 0


# By which columns the one that is paired comes first of several there.
_FIRST = {SeveralThere.NEWEST: ("modified_at", False), SeveralThere.OLDEST: ("deployteq_id", True)}


def pair(connection: Connection, brand: str, several: SeveralThere = SeveralThere.NEWEST) -> Paired:
    """Pair what is not paired; `several`: which of several there is the customer's, the others are doubles."""
    by_way, doubles, unclear = dict[str, int](), 0, 0
    _release_undecided(connection, brand)
    for way, found in _ways(connection, brand):
        shared = found[found.duplicated("deployteq_id", keep=False)]
        unclear += shared["deployteq_id"].nunique()
        column, is_ascending = _FIRST.get(several, _FIRST[SeveralThere.NEWEST])
        clear = found.drop(shared.index).sort_values(["customer_id", column], ascending=[True, is_ascending])
        is_one_of_several = clear.duplicated("customer_id", keep=False if several is SeveralThere.NONE else "first")
        is_double = is_one_of_several | clear["is_taken"].astype(bool)
        _store(connection, brand, clear.assign(is_double=is_double), way)
        by_way[way] = int((~is_double).sum())
        doubles += int(is_double.sum())
    _follow_merges(connection, brand)
    return Paired(by_way, doubles, unclear)


def _release_undecided(connection: Connection, brand: str) -> None:
    """Let doubles go of whom none is the customer's: one of them may be the only one that is left, or chosen by now."""
    released = update(deployteq_customer).values(customer_id=None, is_double=False)
    connection.execute(released.where(_is_undecided(brand)))


def _is_undecided(brand: str) -> ColumnElement[bool]:
    """Tell of a double that none of the records there is the customer's own."""
    mirror, own = deployteq_customer.c, deployteq_customer.alias("own").c
    has_own = exists().where(own.brand == brand, own.customer_id == mirror.customer_id, ~own.is_double)
    return and_(mirror.brand == brand, mirror.is_double, ~has_own.correlate(deployteq_customer))


def _follow_merges(connection: Connection, brand: str) -> None:
    """Pair customers whose record there is gone with a double of theirs that is not: somebody there has joined them."""
    mirror, own = deployteq_customer.c, deployteq_customer.alias("own")
    query = (
        select(mirror.deployteq_id, mirror.customer_id, mirror.modified_at, own.c.deployteq_id)
        .join_from(deployteq_customer, own, own.c.customer_id == mirror.customer_id)
        .where(
            *(mirror.brand == brand, mirror.is_double, mirror.deleted_there_at.is_(None)),
            *(own.c.brand == brand, ~own.c.is_double, own.c.deleted_there_at.is_not(None)),
        )
        .order_by(mirror.modified_at.desc())
    )
    found = frame_of(connection.execute(query), ["deployteq_id", "customer_id", "modified_at", "gone"])
    found = found.drop_duplicates("customer_id")
    gone = found.assign(deployteq_id=found["gone"], is_double=True)
    _store(connection, brand, pd.concat([gone, found.assign(is_double=False)]), "a double of a record that is gone")


def _ways(connection: Connection, brand: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the pairs that each way finds among what is not paired by then."""
    mirror, record = deployteq_customer.c, salesforce_record.c
    query = _pairs(brand)
    by_record = query.join_from(deployteq_customer, salesforce_record, record.id == mirror.salesforce_id)
    yield "Salesforce Id", _read(connection, by_record.join(customer, customer.c.unique_key == record.unique_key))
    yield "identity", _read_by_identity(connection, brand)
    same_address = mirror.address_hash == customer.c.address_hash
    yield "e-mail address", _read(connection, query.join_from(deployteq_customer, customer, same_address))


def _pairs(brand: str) -> Select[Any]:
    mirror, other = deployteq_customer.c, deployteq_customer.alias("other")
    taken = select(other.c.deployteq_id).where(
        other.c.brand == brand, other.c.customer_id == customer.c.id, ~other.c.is_double
    )
    return select(mirror.deployteq_id, customer.c.id, mirror.modified_at, taken.correlate(customer).exists()).where(
        mirror.brand == brand,
        mirror.customer_id.is_(None),
        mirror.deleted_there_at.is_(None),
        customer.c.merged_into_customer_id.is_(None),
    )


def _read(connection: Connection, pairs: Select[Any]) -> pd.DataFrame:
    return frame_of(connection.execute(pairs), _PAIR)


def _read_by_identity(connection: Connection, brand: str) -> pd.DataFrame:
    mirror = deployteq_customer.c
    unpaired = select(mirror.deployteq_id, mirror.identity).where(
        mirror.brand == brand, mirror.customer_id.is_(None), mirror.identity.is_not(None)
    )
    named = frame_of(connection.execute(unpaired), ["deployteq_id", "identity"])
    named = named.assign(id=named["identity"].astype("str").str.lower().str.extract(IDENTITY)[0])
    types = {"deployteq_id": mirror.deployteq_id.type, "id": customer.c.id.type}
    known = named.dropna(subset=["id"])[["deployteq_id", "id"]]
    staged = stage(connection, "staged_identity", known.astype("Int64"), types)
    pairs = (
        _pairs(brand)
        .add_columns(customer.c.created_at, mirror.identity)
        .join_from(staged, deployteq_customer, mirror.deployteq_id == staged.c.deployteq_id)
        .join(customer, customer.c.id == staged.c.id)
    )
    found = frame_of(connection.execute(pairs), [*_PAIR, "created_at", "identity"])
    is_own = identities(found.rename(columns={"customer_id": "id"})).eq(found["identity"].astype("str").str.lower())
    return found.loc[is_own, _PAIR]


def _store(connection: Connection, brand: str, pairs: pd.DataFrame, way: str) -> None:
    if pairs.empty:
        return
    mirror = deployteq_customer.c
    types = {"deployteq_id": mirror.deployteq_id.type, "customer_id": customer.c.id.type}
    staged = stage(connection, "staged_pair", pairs[["deployteq_id", "customer_id", "is_double"]], types)
    connection.execute(
        update(deployteq_customer)
        .values(customer_id=staged.c.customer_id, is_double=staged.c.is_double, paired_by=way, compared_at=None)
        .where(mirror.brand == brand, mirror.deployteq_id == staged.c.deployteq_id)
    )


def paired_of(connection: Connection, brand: str, customers: pd.Index) -> set[int]:
    """Return which of these customers have a record of their own in Deployteq."""
    mirror = deployteq_customer.c
    staged = stage(connection, "staged_asked", pd.DataFrame({"id": customers}), {"id": customer.c.id.type})
    query = select(mirror.customer_id).join(staged, staged.c.id == mirror.customer_id)
    return {*connection.scalars(query.where(mirror.brand == brand, ~mirror.is_double))}


def number_there(connection: Connection, brand: str, customer_id: int) -> int:
    """Return the id in Deployteq of a customer; 0 when it is not there."""
    mirror = deployteq_customer.c
    query = select(mirror.deployteq_id).where(
        mirror.brand == brand, mirror.customer_id == customer_id, ~mirror.is_double, mirror.deleted_there_at.is_(None)
    )
    return connection.scalar(query) or 0


def carry_noes(connection: Connection, brand: str, *, run: int | None, now: datetime) -> pd.Series:
    """Let the noes of paired records whose address differs there count for the customer's own; returns the hashes."""
    mirror = deployteq_customer.c
    query = (
        select(customer.c.address_hash, customer.c.id, mirror.deployteq_id)
        .join_from(deployteq_customer, customer, customer.c.id == mirror.customer_id)
        .where(
            mirror.brand == brand,
            mirror.says_no_email,
            mirror.address_hash.is_distinct_from(customer.c.address_hash),
            customer.c.address_hash.is_not(None),
            customer.c.opt_in.is_not(False),
        )
    )
    found = frame_of(connection.execute(query), ["address_hash", "customer_id", "reference"], dtype="object")
    sayings = found.assign(
        address_hash=found["address_hash"].astype("Int64"),
        customer_id=found["customer_id"].astype("Int64"),
        reference=found["reference"].astype("str"),
        channel=Channel.EMAIL.value,
        side=Side.DEPLOYTEQ.value,
        said=Said.NO.value,
        kind=Kind.SEEN.value,
        cause=Cause.FIRST_SIGHT.value,
        not_after=now,
    )
    enter_sayings(connection, sayings, run=run, now=now)
    hashes: pd.Series = sayings["address_hash"]
    return hashes


@dataclass(frozen=True)
class PairingFigures:
    """What the page of a pairing shows, in numbers of people."""

    there: int
    paired: int
    doubles: int
    only_there: int
    only_here: int
    undecided: int
    no_there_yes_here: int
    yes_there_no_here: int


def read_figures(connection: Connection, brand: str, only_here: int) -> PairingFigures:
    """Return the figures of an account as it was last read and paired."""
    mirror = deployteq_customer.c
    is_there = and_(mirror.brand == brand, mirror.deleted_there_at.is_(None))
    is_pair = and_(is_there, mirror.customer_id.is_not(None), ~mirror.is_double)

    def count(*conditions: ColumnElement[bool]) -> int:
        joined = select(func.count()).join_from(
            deployteq_customer, customer, customer.c.id == mirror.customer_id, isouter=True
        )
        return connection.scalar(joined.where(*conditions)) or 0

    undecided = select(func.count(mirror.customer_id.distinct())).where(is_there, _is_undecided(brand))
    return PairingFigures(
        there=count(is_there),
        paired=count(is_pair),
        doubles=count(is_there, mirror.is_double),
        only_there=count(is_there, mirror.customer_id.is_(None)),
        only_here=only_here,
        undecided=connection.scalar(undecided) or 0,
        no_there_yes_here=count(is_pair, mirror.says_no_email, customer.c.opt_in),
        yes_there_no_here=count(is_pair, ~mirror.says_no_email, customer.c.opt_in.is_(False)),
    )

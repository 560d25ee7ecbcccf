"""Consent that was changed here by plain SQL, or by whatever else writes to the customer database.

`customer.opt_in_set` and `sms_opt_in_set` hold what the product set last. Where a field differs from it, somebody
changed it: that was said after the last look, and before now. A status Blacklist that is set, and a contact moment
with an unsubscription, are noes of the person; a bounce is none. An e-mail address that is edited here takes the noes
of the one before along, and those of its own count.
"""

from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    TextClause,
    and_,
    delete,
    false,
    func,
    or_,
    select,
    text,
    union,
    update,
)

from crm_sync.columns.address_hash import AddressHash, normalise_address
from crm_sync.consent.ledger_store import carry_over, drop_candidates, enter_sayings
from crm_sync.consent_words import Cause, Channel, Kind, Said, Side
from crm_sync.database.dialects import insert_for
from crm_sync.database.frames import frame_of
from crm_sync.database.staging import stage
from crm_sync.database.tables.consent import SAID_HERE, address_consent, changed_address, installation
from crm_sync.database.tables.customers import BLACKLIST_CHANGED, customer
from crm_sync.database.tables.moments import contact_moment

BLACKLIST = "blacklist"
_LOOKED_AT = "consent_looked_at"
_FIELDS = [name for channel in Channel for name in (channel.customer_field, f"{channel.customer_field}_set")]
_READ = ["id", "unique_key", "email_address", "address_hash", "status", *_FIELDS]
_MOMENT = ["moment_id", "unsubscribed_at"]
# Of a moment: an unsubscription that was not noticed yet.
_IS_LEFT = and_(contact_moment.c.unsubscribed_at.is_not(None), contact_moment.c.unsubscribe_seen.is_(None))


def notice_changes_here(connection: Connection, hashes: AddressHash, *, run: int | None, now: datetime) -> pd.Series:
    """Enter what was said here since the last look into the ledger; returns the ids of the customers it is about.

    Of a customer that the product never set (`opt_in_set` is empty), a no is found, not said; a yes is nothing new.
    """
    moved = _follow_edited_addresses(connection, hashes, run=run, now=now)
    since = _last_look(connection)
    recorded: pd.Series[int] = pd.concat([_recorded(connection, since), moved]).drop_duplicates()
    locked = _lock_changed(connection)
    if locked is None:
        return recorded
    changed = _customers(connection, locked, differs_from_set())
    listed = _customers(connection, locked, text(BLACKLIST_CHANGED))
    left = _unsubscribed(connection, locked)
    found = _with_hashes(pd.concat([changed, listed, left[_READ]]).drop_duplicates("id"), hashes)
    staged = _remember(connection, found)
    of_id = found.set_index("id")["address_hash"]
    changed, listed, left = (one.assign(address_hash=one["id"].map(of_id)) for one in (changed, listed, left))
    sayings = pd.concat([_sayings(changed, channel, since, now) for channel in Channel])
    drop_candidates(connection, sayings[sayings["said"].eq(Said.NO.value)])
    for some in (sayings, _of_blacklist(listed, since, now), _of_moments(left, now)):
        enter_sayings(connection, some, run=run, now=now)
    _take_as_set(connection, staged, left["moment_id"])
    everybody: pd.Series[int] = pd.concat([found["id"].astype("Int64"), recorded]).drop_duplicates()
    return everybody


def _recorded(connection: Connection, since: datetime | None) -> pd.Series:
    """Return the customers whose no was entered by a call since the last look: it goes to Salesforce too."""
    said = select(address_consent.c.address_hash).where(SAID_HERE)
    if since is not None:
        said = said.where(address_consent.c.seen_at >= since)
    customers = select(customer.c.id).where(customer.c.address_hash.in_(said))
    return pd.Series(connection.scalars(customers).all(), dtype="Int64")


def _follow_edited_addresses(
    connection: Connection, hashes: AddressHash, *, run: int | None, now: datetime
) -> pd.Series:
    """Give customers whose address was edited here its hash, with the noes of the one before; returns their ids.

    One that was cleared leaves nothing to be mailed; the noes of before wait for the next one.
    """
    names = ["id", "email_address", "address_hash"]
    taken = delete(changed_address).returning(changed_address.c.customer_id)
    edited = pd.Series(connection.scalars(taken).all(), dtype="Int64").drop_duplicates()
    if edited.empty:
        return edited
    # Staged, so that PostgreSQL knows how few they are.
    asked = stage(connection, "staged_edited", edited.to_frame("id"), {"id": customer.c.id.type})
    query = select(*(customer.c[name] for name in names)).join(asked, asked.c.id == customer.c.id)
    found = frame_of(connection.execute(query), names, dtype="object").dropna()
    addresses = found["email_address"].map(normalise_address).astype("str")
    found = found[addresses.ne("")].assign(
        id=found["id"].astype("Int64"),
        old_hash=found["address_hash"].astype("Int64"),
        new_hash=hashes.of_column(addresses),
    )
    moved = found[found["old_hash"].ne(found["new_hash"]).astype(bool)]
    if moved.empty:
        return pd.Series(dtype="Int64")
    carry_over(connection, moved.assign(moved_at=pd.Timestamp(now)), run=run, now=now)
    types = {"id": customer.c.id.type, "new_hash": customer.c.address_hash.type}
    staged = stage(connection, "staged_edited_address", moved[["id", "new_hash"]], types)
    connection.execute(update(customer).values(address_hash=staged.c.new_hash).where(customer.c.id == staged.c.id))
    ids: pd.Series[int] = moved["id"]
    return ids


def note_look(connection: Connection, now: datetime) -> None:
    """Keep that everything that was said here until now is known: what comes later was said later."""
    insert = insert_for(connection, installation).values(name=_LOOKED_AT, value=now.isoformat())
    connection.execute(insert.on_conflict_do_update(index_elements=["name"], set_={"value": insert.excluded.value}))


def differs_from_set() -> ColumnElement[bool]:
    """Tell whether somebody changed a customer's consent since the product set it; a partial index answers it."""
    pairs = ((customer.c[channel.customer_field], customer.c[f"{channel.customer_field}_set"]) for channel in Channel)
    return or_(*(now.is_distinct_from(before) for now, before in pairs))


def _lock_changed(connection: Connection) -> ColumnElement[bool] | None:
    """Lock the customers of which something is to be noted until the end: what is noted is what was read then.

    Returns the condition for them; None where there are none.
    """
    of_moments = select(contact_moment.c.customer_id).where(_IS_LEFT)
    changed = (select(customer.c.id).where(which) for which in (differs_from_set(), text(BLACKLIST_CHANGED)))
    ids = connection.scalars(union(*changed, of_moments)).all()
    if not ids:
        return None
    frame = pd.DataFrame({"id": pd.Series(ids, dtype="Int64")})
    staged = stage(connection, "staged_changed", frame, {"id": customer.c.id.type})
    is_one = customer.c.id.in_(select(staged.c.id))
    # By their ids: for rows to lock, PostgreSQL does not use the index of those that have changed.
    connection.execute(select(customer.c.id).where(is_one).with_for_update())
    return is_one


def _customers(
    connection: Connection, locked: ColumnElement[bool], which: ColumnElement[bool] | TextClause
) -> pd.DataFrame:
    rows = connection.execute(select(*(customer.c[name] for name in _READ)).where(locked, which))
    return frame_of(rows, _READ, dtype="object")


def _unsubscribed(connection: Connection, locked: ColumnElement[bool]) -> pd.DataFrame:
    """Return the moments with an unsubscription that was not noticed yet, with their customers."""
    columns = [*(customer.c[name] for name in _READ), *(contact_moment.c[name] for name in _MOMENT)]
    query = select(*columns).join(contact_moment, contact_moment.c.customer_id == customer.c.id).where(locked, _IS_LEFT)
    return frame_of(connection.execute(query), [*_READ, *_MOMENT], dtype="object")


def _of_blacklist(listed: pd.DataFrame, since: datetime | None, now: datetime) -> pd.DataFrame:
    """Return what setting the status says, for every channel; taking it away says nothing."""
    rows = listed[listed["status"].astype("str").str.lower().eq(BLACKLIST)]
    rows = rows.drop_duplicates("address_hash")
    return pd.concat([_noes(rows, channel, Cause.BLACKLIST, since, now) for channel in Channel])


def _of_moments(left: pd.DataFrame, now: datetime) -> pd.DataFrame:
    at = pd.to_datetime(left["unsubscribed_at"], utc=True)
    at = at.mask(at > now, pd.Timestamp(now))
    return _noes(left, Channel.EMAIL, Cause.UNSUBSCRIBED, at, at).assign(reference=left["moment_id"])


def _noes(
    rows: pd.DataFrame, channel: Channel, cause: Cause, since: pd.Series | datetime | None, until: pd.Series | datetime
) -> pd.DataFrame:
    place = {"channel": channel.value, "side": Side.HERE.value, "reference": ""}
    words = {"said": Said.NO.value, "kind": Kind.PERSON.value, "cause": cause.value}
    return pd.DataFrame(
        {
            "address_hash": rows["address_hash"].astype("Int64"),
            "customer_id": rows["id"].astype("Int64"),
            "not_before": since,
            "not_after": until,
            **place,
            **words,
        },
        index=rows.index,
    )


def _with_hashes(found: pd.DataFrame, hashes: AddressHash) -> pd.DataFrame:
    """Fill in `address_hash` for customers that came into the table by another way than ours."""
    addresses = found["email_address"].map(normalise_address, na_action="ignore").astype("str")
    keys = addresses.mask(addresses.isna() | addresses.eq(""), "key:" + found["unique_key"].astype("str"))
    missing = found["address_hash"].isna()
    found["address_hash"] = found["address_hash"].where(~missing, hashes.of_column(keys.where(missing)))
    return found


def _sayings(found: pd.DataFrame, channel: Channel, since: datetime | None, now: datetime) -> pd.DataFrame:
    """Return what was said for one channel, as `enter_sayings` takes it."""
    field = channel.customer_field
    says = found[field].astype("boolean")
    was = found[f"{field}_set"].astype("boolean")
    says_no = (~says.fillna(False) & was.fillna(False)) | (says.eq(False).fillna(False) & was.isna())
    says_yes = says.fillna(False) & was.eq(False).fillna(False)
    rows = found[(says_no | says_yes).astype(bool)]
    no, is_found = says_no[rows.index].astype(bool), was[rows.index].isna()
    causes = pd.Series(Cause.EDITED.value, index=rows.index).mask(is_found, Cause.FIRST_SIGHT.value)
    said = pd.DataFrame(
        {
            "address_hash": rows["address_hash"].astype("Int64"),
            "channel": channel.value,
            "side": Side.HERE.value,
            "reference": "",
            "customer_id": rows["id"].astype("Int64"),
            "said": pd.Series(Said.YES.value, index=rows.index).mask(no, Said.NO.value),
            "kind": pd.Series(Kind.PERSON.value, index=rows.index).mask(is_found, Kind.SEEN.value),
            "cause": causes.mask(~no, Cause.SUBSCRIBED.value),
            "not_before": pd.Series(since, index=rows.index),
            "not_after": now,
        }
    )
    # Of two customers with one address, a no wins.
    return said.sort_values("said").drop_duplicates(["address_hash", "channel"])


def _remember(connection: Connection, found: pd.DataFrame) -> Table:
    types = {"id": customer.c.id.type, "address_hash": customer.c.address_hash.type}
    rows = found[["id", "address_hash"]].astype("Int64")
    staged = stage(connection, "staged_change_here", rows, types)
    connection.execute(
        update(customer)
        .values(address_hash=staged.c.address_hash)
        .where(customer.c.id == staged.c.id, customer.c.address_hash.is_(None))
    )
    return staged


def _take_as_set(connection: Connection, staged: Table, moments: pd.Series) -> None:
    """Note that the changes were seen; what the customers stand at is set after this, from the ledger."""
    seen: dict[str, Any] = {f"{channel.customer_field}_set": customer.c[channel.customer_field] for channel in Channel}
    seen["blacklist_seen"] = func.coalesce(func.lower(customer.c.status) == BLACKLIST, false())
    connection.execute(update(customer).values(**seen).where(customer.c.id == staged.c.id))
    if len(moments):
        noticed = stage(connection, "staged_moment", pd.DataFrame({"moment_id": moments.astype("str")}))
        is_noticed = contact_moment.c.moment_id == noticed.c.moment_id
        connection.execute(update(contact_moment).values(unsubscribe_seen=True).where(is_noticed))


def _last_look(connection: Connection) -> datetime | None:
    kept = connection.scalar(select(installation.c.value).where(installation.c.name == _LOOKED_AT))
    return datetime.fromisoformat(kept) if kept else None

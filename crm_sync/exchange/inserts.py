"""Makes customers in Deployteq: each is looked for first where that is due, and always made with what stands of its
consent."""

from collections.abc import Mapping
from datetime import timedelta
from itertools import chain

import pandas as pd

from crm_sync.deployteq.customers import Customer, UniqueField, find_by
from crm_sync.errors import SyncError
from crm_sync.exchange.batches import Sent, send, send_groups
from crm_sync.exchange.delivered import (
    consents_now,
    drop_intents,
    keep_found,
    keep_made,
    keep_refused,
    note_intents,
    pair_seen,
)
from crm_sync.exchange.exchange import Exchange
from crm_sync.exchange.outcome import Delivered
from crm_sync.exchange.records import Outgoing, outgoing
from crm_sync.exchange.values import OPTION, as_objects

# So long a call may be at work in Deployteq after we have stopped to wait for it.
_AT_WORK = timedelta(minutes=5)
# Who was in doubt before goes in small batches: a large one may be what took too long.
_AFTER_DOUBT = 10
_EMAIL = UniqueField("emailAddress", is_option=False)


def without_known(exchange: Exchange, page: pd.DataFrame, *, looks_up: bool) -> tuple[pd.DataFrame, int]:
    """Leave out those who are there after all, for the next run, and say how many.

    An insert that was never answered is looked for by the identity: sent again, it would be an update that says yes to
    somebody who may have said no since. One that was sent a moment ago may be at work still, there or in another run,
    and is left alone. `looks_up`: the others are looked for by their address, since somebody may have
    come to Deployteq by a form after the account was last read.
    """
    new = page[page["deployteq_id"].isna()]
    sent_at = pd.to_datetime(new["sent_at"], utc=True)
    at_work = new.index[sent_at > exchange.clock() - _AT_WORK]
    page, new = page.drop(index=at_work), new.drop(index=at_work)
    found: dict[int, Customer] = {}
    in_doubt = new.loc[new["sent_at"].notna(), ["own_identity", "email_address"]]
    for person, identity, address in in_doubt.itertuples():
        there = _look_for(exchange, identity, address)
        if there:
            found[int(person)] = there[0]
    keep_found(exchange, found)
    known = {*found}
    if looks_up:
        others = new.drop(index=[*found])
        addresses = others["email_address"].dropna().drop_duplicates()
        there = [one for address in addresses for one in find_by(exchange.account, _EMAIL, address, exchange.sleep)]
        known |= pair_seen(exchange, there, others.index)
    return page.drop(index=[*known]), len(known)


def _look_for(exchange: Exchange, identity: str, address: str | None) -> list[Customer]:
    """Look for a customer by its address, which takes one call, and where it has another one by now by its identity."""
    account, unique = exchange.account, exchange.settings.unique
    there = find_by(account, _EMAIL, address, exchange.sleep) if address else []
    own = [one for one in there if unique.of(one).lower() == identity]
    return own or find_by(account, unique, identity, exchange.sleep)


def insert(
    exchange: Exchange, new: pd.DataFrame, ours: pd.DataFrame, linked: set[str], stamp: str, delivered: Delivered
) -> None:
    """Make customers; each is noted before the call, so that one whose answer never comes is looked for first."""
    frame = ours.loc[new.index]
    values = dict(zip(new.index, as_objects(frame, always=linked), strict=True))
    filled = dict(zip(new.index, as_objects(frame, always=()), strict=True))
    identities = new["own_identity"].to_dict()
    consents: dict[int, dict[str, bool]] = {}
    begun: list[int] = []

    def send_part(part: list[int]) -> Sent:
        # Read right before the call: somebody may have said no since.
        consents.update(consents_now(exchange, part))
        batch = [_record(exchange, one, identities[one], filled[one], stamp, consents[one]) for one in part]
        return send(exchange, batch, may_repeat=False)

    def begin(group: list[int]) -> None:
        note_intents(exchange, group)
        begun.extend(group)

    was_in_doubt, size = new["sent_at"].notna(), exchange.settings.batch
    some = [(new.index[was_in_doubt], min(size, _AFTER_DOUBT)), (new.index[~was_in_doubt], size)]
    try:
        for sent in chain.from_iterable(send_groups([*map(int, part)], most, send_part, begin) for part, most in some):
            keep_made(exchange, new, values, sent.taken, consents)
            delivered.made += len(sent.taken)
            delivered.in_doubt += sent.in_doubt
            delivered.refuse(sent.refused)
            keep_refused(exchange, new, sent.refused)
    except SyncError:
        drop_intents(exchange, [one for one in begun if one not in consents])
        raise


def _record(
    exchange: Exchange,
    customer_id: int,
    identity: str,
    filled: Mapping[str, str],
    stamp: str,
    consents: Mapping[str, bool],
) -> Outgoing:
    stamped = {OPTION + exchange.settings.stamp_field: stamp} if stamp else {}
    # The fields' default may be yes: what nobody said is a no.
    said = {field: "Y" if may else "N" for field, may in consents.items()}
    return outgoing(exchange.settings.unique, customer_id, identity, {**filled, **stamped, **said})

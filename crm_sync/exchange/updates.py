"""Updates customers in Deployteq: in batches by the identity, or one by one by their id."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from crm_sync.deployteq.account import NOT_FOUND
from crm_sync.deployteq.customers import Customer, delete_one, read_one, update_one
from crm_sync.errors import DeployteqRefusedError
from crm_sync.exchange.batches import Sent, send, send_groups
from crm_sync.exchange.delivered import is_known_there, keep_refused, keep_seen, keep_updated, note_gone
from crm_sync.exchange.differences import Difference
from crm_sync.exchange.exchange import Exchange
from crm_sync.exchange.outcome import Delivered
from crm_sync.exchange.records import Outgoing, outgoing

# An update by the identity makes a customer anew that is gone from Deployteq, perhaps erased. So what carries an
# address always goes by the id, and a few customers do as well; a mass of them goes in batches, and what one of those
# makes cannot be reached by anybody and is deleted at once.
_ADDRESSES = frozenset({"emailAddress", "alternateEmailAddress", "mobilePhone", "workMobile"})
_A_FEW = 10


def update(
    exchange: Exchange, known: pd.DataFrame, difference: Difference, delivered: Delivered, *, clears_with: str | None
) -> None:
    """Send the differences of customers that are there; `clears_with`: what empties a field."""
    numbers = known["deployteq_id"].tolist()
    rows = dict(zip(known.index, zip(numbers, known["own_identity"], strict=True), strict=True))

    def record_of(one: int) -> Outgoing:
        number, identity = rows[one]
        values = difference.sends[one]
        return outgoing(exchange.settings.unique, one, identity, values, number=number, clears_with=clears_with)

    one_by_one, in_batches = ways(difference)

    def send_part(part: list[int]) -> Sent:
        batch = [record_of(one) for one in part]
        sent = send(exchange, batch, may_repeat=True)
        one_by_one.extend(_strangers(exchange, batch, sent, delivered))
        return sent

    for sent in send_groups(in_batches, exchange.settings.batch, send_part):
        _keep(exchange, known, difference, sent, delivered)
    for one in one_by_one:
        _keep(exchange, known, difference, _by_id(exchange, record_of(one), delivered), delivered)


def ways(difference: Difference) -> tuple[list[int], list[int]]:
    """Return the customers to be sent one by one, and those that go in batches."""
    is_mass = len(difference.sends) > _A_FEW
    alone = {
        one
        for one, values in difference.sends.items()
        if not is_mass or one in difference.by_id or values.keys() & _ADDRESSES
    }
    return sorted(alone), [one for one in difference.sends if one not in alone]


def _keep(exchange: Exchange, known: pd.DataFrame, difference: Difference, sent: Sent, delivered: Delivered) -> None:
    keep_updated(exchange, known, difference, sent.taken)
    delivered.updated += len(sent.taken)
    delivered.refuse(sent.refused)
    keep_refused(exchange, known, sent.refused)


def _by_id(exchange: Exchange, one: Outgoing, delivered: Delivered) -> Sent:
    number = one.deployteq_id or 0
    try:
        return Sent({one.customer_id: update_one(exchange.account, number, one.record)})
    except DeployteqRefusedError as refusal:
        if refusal.code != NOT_FOUND:
            return Sent(refused={one.customer_id: refusal.code or ""})
    note_gone(exchange, number)
    delivered.gone += 1
    return Sent()


def _strangers(exchange: Exchange, batch: list[Outgoing], sent: Sent, delivered: Delivered) -> list[int]:
    """Settle answers that are of another customer than the one that is paired; returns who goes by the id instead."""
    again = []
    for one in batch:
        answer, number = sent.taken.get(one.customer_id), one.deployteq_id or 0
        if answer is None or answer.id == number:
            continue
        del sent.taken[one.customer_id]
        if _is_made_anew(exchange, answer):
            delete_one(exchange.account, answer.id)
        else:
            # Somebody has copied or joined customers there: the next reading of the account pairs them.
            keep_seen(exchange, [answer])
        try:
            read_one(exchange.account, number)
        except DeployteqRefusedError as refusal:
            if refusal.code != NOT_FOUND:
                raise
            note_gone(exchange, number)
            delivered.gone += 1
        else:
            again.append(one.customer_id)
    return again


def _is_made_anew(exchange: Exchange, answer: Customer) -> bool:
    """Tell whether this very call has made the customer: only then may it be deleted."""
    fields: Mapping[str, Any] = answer.fields
    is_new = bool(fields.get("createdAt")) and fields.get("createdAt") == fields.get("modifiedAt")
    return is_new and not is_known_there(exchange, answer.id)

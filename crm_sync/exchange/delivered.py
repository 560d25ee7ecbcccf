"""What is kept of a delivery: answers, refusals, intents; each in a transaction of its own."""

import json
from collections.abc import Mapping, Sequence

import pandas as pd

from crm_sync.deployteq.customers import Customer
from crm_sync.exchange.candidates_store import (
    drop_intent,
    end_intent,
    note_agreement,
    note_deleted_there,
    note_intent,
    note_refused,
    note_refused_new,
)
from crm_sync.exchange.consent_store import read_consents, settle
from crm_sync.exchange.differences import Difference, agreements
from crm_sync.exchange.exchange import Exchange
from crm_sync.exchange.mirror_store import is_mirrored, land, values_of
from crm_sync.exchange.pairing_store import carry_noes, pair, paired_of
from crm_sync.exchange.values import CONSENT


def keep_updated(
    exchange: Exchange, known: pd.DataFrame, difference: Difference, taken: Mapping[int, Customer]
) -> None:
    """Keep what came back of customers that were updated."""
    if not taken:
        return
    for one, answer in taken.items():
        there = values_of(answer)
        difference.sent[one].update(difference.sends[one])
        difference.agreed[one].update({name: there.get(name, "") for name in difference.sends[one]})
    rows = known[["deployteq_id", "modified_at"]].loc[[*taken]]
    with exchange.database.transaction() as connection:
        settle(connection, exchange, land(connection, exchange.reading(), [*taken.values()]))
        note_agreement(connection, exchange.brand, agreements(rows, difference, rows["modified_at"]))


def keep_made(
    exchange: Exchange,
    new: pd.DataFrame,
    values: Mapping[int, dict[str, str]],
    taken: Mapping[int, Customer],
    consents: Mapping[int, Mapping[str, bool]],
) -> None:
    """Keep customers that were made, with these consents."""
    if not taken:
        return
    wrote = {
        channel: {answer.id: not consents[one][field] for one, answer in taken.items()}
        for channel, field in CONSENT.items()
    }
    agreed = {one: values_of(answer) for one, answer in taken.items()}
    agreements = pd.DataFrame(
        {
            "deployteq_id": [answer.id for answer in taken.values()],
            "sent_values": [json.dumps(values[one]) for one in taken],
            "agreed_values": [json.dumps(_of_these(values[one], agreed[one])) for one in taken],
            "compared_at": pd.to_datetime(new["modified_at"].loc[[*taken]].to_numpy(), utc=True),
        }
    )
    with exchange.database.transaction() as connection:
        hashes = land(connection, exchange.reading(), [*taken.values()], wrote)
        end_intent(connection, exchange.brand, {one: answer.id for one, answer in taken.items()}, exchange.clock())
        settle(connection, exchange, hashes)
        note_agreement(connection, exchange.brand, agreements)


def _of_these(names: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """Return these fields of a customer's values; most are empty."""
    return dict.fromkeys(names, "") | {name: value for name, value in values.items() if name in names}


def keep_found(exchange: Exchange, found: Mapping[int, Customer]) -> None:
    """Keep customers whose insert was not answered, and who are there after all."""
    if not found:
        return
    with exchange.database.transaction() as connection:
        hashes = land(connection, exchange.reading(), [*found.values()])
        end_intent(connection, exchange.brand, {one: there.id for one, there in found.items()}, exchange.clock())
        settle(connection, exchange, hashes)


def keep_refused(exchange: Exchange, page: pd.DataFrame, refused: Mapping[int, str]) -> None:
    """Keep why customers were refused."""
    if not refused:
        return
    now = exchange.clock()
    with exchange.database.transaction() as connection:
        numbers, stamps = page["deployteq_id"].to_dict(), page["modified_at"].to_dict()
        for one, code in refused.items():
            number, stamp = numbers[one], stamps[one]
            if pd.isna(number):
                note_refused_new(connection, exchange.brand, one, code, stamp, now)
            else:
                note_refused(connection, exchange.brand, int(number), code, stamp, now)


def note_intents(exchange: Exchange, customers: Sequence[int]) -> None:
    """Keep, before the call, that customers are about to be made."""
    with exchange.database.transaction() as connection:
        note_intent(connection, exchange.brand, pd.Index(customers), exchange.clock())


def drop_intents(exchange: Exchange, customers: Sequence[int]) -> None:
    """Forget that customers were about to be made: their call was never made."""
    if customers:
        with exchange.database.transaction() as connection:
            drop_intent(connection, exchange.brand, pd.Index(customers))


def consents_now(exchange: Exchange, customers: Sequence[int]) -> dict[int, dict[str, bool]]:
    """Return what customers stand at, by Deployteq's names."""
    with exchange.database.transaction() as connection:
        return read_consents(connection, customers)


def keep_seen(exchange: Exchange, seen: Sequence[Customer]) -> None:
    """Keep customers that were read by the way."""
    with exchange.database.transaction() as connection:
        settle(connection, exchange, land(connection, exchange.reading(), seen))


def pair_seen(exchange: Exchange, seen: Sequence[Customer], customers: pd.Index) -> set[int]:
    """Keep customers that were looked for, pair them, and return which of `customers` are paired by that."""
    if not seen:
        return set()
    with exchange.database.transaction() as connection:
        settle(connection, exchange, land(connection, exchange.reading(), seen))
        pair(connection, exchange.brand, exchange.settings.several_there)
        settle(connection, exchange, carry_noes(connection, exchange.brand, run=exchange.run, now=exchange.clock()))
        return paired_of(connection, exchange.brand, customers)


def is_known_there(exchange: Exchange, number: int) -> bool:
    """Tell whether a customer of Deployteq was ever read before."""
    with exchange.database.transaction() as connection:
        return is_mirrored(connection, exchange.brand, number)


def note_gone(exchange: Exchange, number: int) -> None:
    """Keep that a customer is gone from Deployteq."""
    with exchange.database.transaction() as connection:
        note_deleted_there(connection, exchange.brand, number, exchange.clock())

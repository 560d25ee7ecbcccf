"""Writes consent to Deployteq: each record is looked at right before, and only its consent is written."""

from dataclasses import dataclass

from crm_sync.deployteq.account import NOT_FOUND
from crm_sync.deployteq.customers import Customer, read_one, update_one
from crm_sync.errors import DeployteqRefusedError
from crm_sync.exchange.candidates_store import note_deleted_there
from crm_sync.exchange.consent_store import DueConsent, is_free, read_due_consent, settle
from crm_sync.exchange.exchange import Exchange
from crm_sync.exchange.mirror_store import land
from crm_sync.exchange.values import BLACKLIST, CONSENT


@dataclass
class ConsentDelivered:
    """How many noes and lifting yeses Deployteq holds more, and how many it refused."""

    noes: int = 0
    yeses: int = 0
    refused: int = 0


def deliver_consent_there(exchange: Exchange) -> ConsentDelivered:
    """Write the noes that Deployteq does not hold, then the yeses that lift one there."""
    delivered = ConsentDelivered()
    with exchange.database.transaction() as connection:
        due = read_due_consent(connection, exchange.brand)
    for one in due:
        try:
            if _deliver(exchange, one):
                delivered.noes += one.says_no
                delivered.yeses += not one.says_no
        except DeployteqRefusedError as refusal:
            if refusal.code != NOT_FOUND:
                delivered.refused += 1
                continue
            with exchange.database.transaction() as connection:
                note_deleted_there(connection, exchange.brand, one.deployteq_id, exchange.clock())
    return delivered


def _deliver(exchange: Exchange, due: DueConsent) -> bool:
    seen = read_one(exchange.account, due.deployteq_id)
    with exchange.database.transaction() as connection:
        settle(connection, exchange, land(connection, exchange.reading(), [seen]))
        may = is_free(connection, due.customer_id, due.channel)
    # Somebody may have said the opposite since the last reading: then what stands now counts.
    if may is due.says_no or not _is_to_be_written(seen, due):
        return False
    answer = update_one(exchange.account, due.deployteq_id, {CONSENT[due.channel]: "N" if due.says_no else "Y"})
    with exchange.database.transaction() as connection:
        hashes = land(connection, exchange.reading(), [answer], {due.channel: {answer.id: due.says_no}})
        settle(connection, exchange, hashes)
    return True


def _is_to_be_written(seen: Customer, due: DueConsent) -> bool:
    field = CONSENT[due.channel]
    if due.says_no:
        return seen.fields.get(field) == "Y"
    is_stopped = seen.fields.get("status") == BLACKLIST or seen.fields.get("complaintCount", "0") not in {"", "0"}
    return seen.fields.get(field) == "N" and not is_stopped

"""Gaps in what is known of consent: objects whose opt-out field Salesforce no longer shows.

Nobody stays mailable on knowledge that is no longer kept up: the view `customer_mailable` says no for their customers.
"""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection, delete

from crm_sync.consent_words import Channel
from crm_sync.database.dialects import insert_for, write_and_count
from crm_sync.database.tables.consent import consent_gap
from crm_sync.sobject import SObject


def note_gaps(
    connection: Connection,
    hidden: Mapping[SObject, Collection[Channel]],
    linked: Mapping[SObject, Collection[Channel]],
    now: datetime,
) -> list[SObject]:
    """Keep since when a linked field is hidden, and forget the gaps of those that are read again.

    Returns the objects of the latter. `hidden`, `linked`: by sObject, the channels whose field is not shown, and those
    whose field is read.
    """
    shown_again = []
    for sobject, channels in linked.items():
        via = [channel.value for channel in channels]
        place = (consent_gap.c.sobject == str(sobject), consent_gap.c.channel.in_(via))
        if write_and_count(connection, delete(consent_gap).where(*place)):
            shown_again.append(sobject)
    rows = [
        {"sobject": str(sobject), "channel": channel.value, "since": now}
        for sobject, channels in hidden.items()
        for channel in channels
    ]
    if rows:
        connection.execute(insert_for(connection, consent_gap).values(rows).on_conflict_do_nothing())
    return shown_again

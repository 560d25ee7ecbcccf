"""The records of those customers of a push who stand at no."""

from collections.abc import Collection, Mapping

import pandas as pd
from sqlalchemy import Connection, Table, and_, select, union

from crm_sync.consent.standing_store import stands_at_no
from crm_sync.consent_words import SAYS_NO, Channel
from crm_sync.database.dialects import look_up_by_index
from crm_sync.database.frames import frame_of
from crm_sync.database.tables.customers import customer, salesforce_record
from crm_sync.push.queue_store import stage_ids
from crm_sync.sobject import SObject

_COLUMNS = ["customer_id", "unique_key", "sobject", "record_id", "says_no", "is_converted"]


def read_noes(
    connection: Connection, customer_ids: pd.Series, linked: Mapping[SObject, Collection[Channel]]
) -> pd.DataFrame:
    """Return a row for each record that can hold the no of a customer who stands at no, as a pull read it last.

    `customer_id`, `channel`, `unique_key`, `sobject`, `record_id`, `says_no` and `is_converted` (boolean); one row
    without a record for who has none. `linked`: the channels that each object's mapping has a field for; a no without
    one stays here.
    """
    look_up_by_index(connection)
    staged = stage_ids(connection, customer_ids)
    found = [_of_channel(connection, staged, channel, linked) for channel in Channel]
    return pd.concat(found, ignore_index=True)


def _of_channel(
    connection: Connection, staged: Table, channel: Channel, linked: Mapping[SObject, Collection[Channel]]
) -> pd.DataFrame:
    objects = [str(one) for one, channels in linked.items() if channel in channels]
    record, into = salesforce_record.c, customer.alias("into")
    at_no = (
        select(customer.c.id, customer.c.unique_key, customer.c.merged_into_customer_id)
        .join(staged, staged.c.customer_id == customer.c.id)
        .where(customer.c.salesforce_object.in_(objects), stands_at_no(customer, channel))
        .cte("at_no")
    )
    # Whose customer was joined to another one is written to as that one.
    joined = select(at_no.c.id, into.c.unique_key).join(into, into.c.id == at_no.c.merged_into_customer_id)
    person = union(select(at_no.c.id, at_no.c.unique_key), joined).subquery()
    can_hold = (record.sobject.in_(objects), ~record.is_deleted)
    says_no = record[SAYS_NO[channel]]
    columns = [person.c.id, person.c.unique_key, record.sobject, record.id, says_no, record.is_converted]
    query = select(*columns).join(
        salesforce_record, and_(record.unique_key == person.c.unique_key, *can_hold), isouter=True
    )
    return frame_of(connection.execute(query), _COLUMNS, dtype="object").assign(channel=channel.value)

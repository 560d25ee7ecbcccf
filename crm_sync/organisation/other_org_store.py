"""What becomes of all that was learned from the org of before, when a person has said what the other one is."""

from collections.abc import Collection
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from crm_sync.consent_words import SAYS_NO
from crm_sync.customers.mail_status_store import not_mailed
from crm_sync.database.tables.consent import consent_candidate
from crm_sync.database.tables.customers import checkpoint, customer, rejected_record, salesforce_record, watermark
from crm_sync.database.tables.moments import moment_export
from crm_sync.database.tables.safety import held_record
from crm_sync.organisation.bound_store import OtherOrg
from crm_sync.sobject import SObject

# Older than any stamp of Salesforce: whatever is read now is newer.
_BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)
# No mapping has this fingerprint, so that every record is read as with a changed one.
_READ_ANEW = "another org"


def forget_org(
    connection: Connection, change: OtherOrg, org_key: str, mapped: Collection[SObject], now: datetime
) -> None:
    """Drop what holds for the org of before only: how far it was read, what waits, what was exported to it.

    Of the same org, moved or refreshed, the records are kept to be compared, as older than anything that is read, and
    as if they had said nothing of consent. Of another org they go; its customers are marked as deleted until their key
    comes again. The ledger of consent stays as it is.
    """
    for table in (watermark, checkpoint, consent_candidate, held_record, moment_export):
        connection.execute(delete(table))
    if change is OtherOrg.NEW_START:
        _forget_records(connection, now)
        return
    connection.execute(
        update(salesforce_record).values(
            system_modstamp=_BEFORE_ALL,
            **dict.fromkeys(("pushed_at", "edited_at", "read_at", "consent_stamp", *SAYS_NO.values())),
        )
    )
    marks = {"stored_until": _BEFORE_ALL, "mapping_fingerprint": _READ_ANEW, "unique_field": "", "field_types": {}}
    rows = [{"org": org_key, "sobject": str(sobject), **marks} for sobject in mapped]
    connection.execute(insert(watermark), rows)


def count_of_before(connection: Connection, now: datetime) -> int:
    """Return how many customers were marked as deleted at a new start, and did not come again."""
    gone = (customer.c.deleted_in_salesforce_at == now, customer.c.salesforce_id.is_(None))
    return connection.scalars(select(func.count()).select_from(customer).where(*gone)).one()


def _forget_records(connection: Connection, now: datetime) -> None:
    for table in (salesforce_record, rejected_record):
        connection.execute(delete(table))
    connection.execute(
        update(customer)
        .values(deleted_in_salesforce_at=now, modified_at=now, **not_mailed())
        .where(customer.c.salesforce_id.is_not(None), customer.c.deleted_in_salesforce_at.is_(None))
    )
    # The Id is linked to a customer field as a rule, and pushes write to the record that it names.
    no_longer_known = func.nullif(customer.c.external_id, customer.c.salesforce_id)
    connection.execute(
        update(customer).values(external_id=no_longer_known, salesforce_id=None, secondary_salesforce_id=None)
    )

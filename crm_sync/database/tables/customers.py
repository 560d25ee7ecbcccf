"""The tables of the customer database, in Deployteq's names. Alembic migrations beside it make them."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from crm_sync.mapping.customer_fields import CUSTOMER_FIELDS, FieldType

metadata = MetaData()

JSON_OBJECT = JSON().with_variant(JSONB, "postgresql")
ROW_ID = BigInteger().with_variant(Integer, "sqlite")


class Instant(TypeDecorator[datetime]):
    """A moment in UTC; SQLite, which keeps no zone, gets and gives it back as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a moment without a zone: which moment it is would be a guess."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the moment in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


FIELD_COLUMN_TYPES: dict[FieldType, type[TypeEngine[Any]]] = {
    FieldType.TEXT: Text,
    FieldType.DATE: Date,
    FieldType.YES_NO: Boolean,
}

# As the partial index has it, word by word: SQLite only then uses it.
BLACKLIST_CHANGED = "coalesce(lower(status) = 'blacklist', false) <> coalesce(blacklist_seen, false)"
_IS_MERGED = text("merged_into_customer_id IS NOT NULL")

customer = Table(
    "customer",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("unique_key", Text, nullable=False, unique=True),
    *(Column(name, FIELD_COLUMN_TYPES[kind]()) for name, kind in CUSTOMER_FIELDS.items()),
    Column("status", Text),
    Column("mail_status", Text),
    # The marketer's own, while the customer is INACTIVE for being joined to another one or deleted in Salesforce.
    Column("mail_status_before", Text),
    # What the ledger of consent last came to; where the field differs, somebody changed it since.
    Column("opt_in_set", Boolean),
    Column("sms_opt_in_set", Boolean),
    # Whether a status of Blacklist was noticed as a no.
    Column("blacklist_seen", Boolean),
    # Keyed hash of the e-mail address (crm_sync.columns.address_hash).
    Column("address_hash", BigInteger),
    Column("options", JSON_OBJECT, nullable=False),
    Column("salesforce_object", Text),
    Column("salesforce_id", Text),
    # The record of the other sObject that fills what only its object has links for.
    Column("secondary_salesforce_id", Text),
    Column("merged_into_customer_id", ROW_ID, ForeignKey("customer.id")),
    Column("created_at", Instant, nullable=False),
    Column("modified_at", Instant, nullable=False),
    Column("deleted_in_salesforce_at", Instant),
    Index("ix_customer_address_hash", "address_hash"),
    Index(
        "ix_customer_consent_changed",
        "id",
        sqlite_where=text("opt_in IS NOT opt_in_set OR sms_opt_in IS NOT sms_opt_in_set"),
        postgresql_where=text("opt_in IS DISTINCT FROM opt_in_set OR sms_opt_in IS DISTINCT FROM sms_opt_in_set"),
    ),
    Index(
        "ix_customer_blacklist_changed",
        "id",
        sqlite_where=text(BLACKLIST_CHANGED),
        postgresql_where=text(BLACKLIST_CHANGED),
    ),
    Index("ix_customer_merged_into", "merged_into_customer_id", sqlite_where=_IS_MERGED, postgresql_where=_IS_MERGED),
    # No number is given twice, also when the last customer was erased.
    sqlite_autoincrement=True,
)

salesforce_record = Table(
    "salesforce_record",
    metadata,
    Column("id", Text, primary_key=True),
    Column("sobject", Text, nullable=False),
    Column("unique_key", Text),
    # No foreign key: it would cost a look-up per row, and a customer is only deleted with its records.
    Column("customer_id", ROW_ID),
    Column("system_modstamp", Instant, nullable=False),
    Column("is_deleted", Boolean, nullable=False),
    Column("is_converted", Boolean, nullable=False),
    Column("converted_contact_id", Text),
    Column("master_record_id", Text),
    Column("field_values", JSON_OBJECT, nullable=False),
    Column("address_hash", BigInteger),
    # What the record says about consent; empty where no field is linked, or none was read.
    Column("says_no_email", Boolean),
    Column("says_no_sms", Boolean),
    # When this row was last written from what Salesforce said.
    Column("read_at", Instant),
    # The record's stamp when consent was read from it later than the rest, since it no longer takes part.
    Column("consent_stamp", Instant),
    # The stamp of its last edit by somebody else, where this product wrote it since: decides which record survives.
    Column("edited_at", Instant),
    # When a push wrote it, until the pull that reads it again for that.
    Column("pushed_at", Instant),
    # Keys are only looked up. On PostgreSQL half as large as a tree of texts, and no locale has a say.
    Index("ix_salesforce_record_unique_key", "unique_key", postgresql_using="hash"),
    Index(
        "ix_salesforce_record_master_record_id",
        "master_record_id",
        sqlite_where=text("master_record_id IS NOT NULL"),
        postgresql_where=text("master_record_id IS NOT NULL"),
    ),
    Index(
        "ix_salesforce_record_converted_contact_id",
        "converted_contact_id",
        sqlite_where=text("converted_contact_id IS NOT NULL"),
        postgresql_where=text("converted_contact_id IS NOT NULL"),
    ),
)

rejected_record = Table(
    "rejected_record",
    metadata,
    Column("id", Text, primary_key=True),
    Column("sobject", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("system_modstamp", Instant, nullable=False),
    Column("sync_run_id", ROW_ID, ForeignKey("sync_run.id"), nullable=False),
    Column("rejected_at", Instant, nullable=False),
)

sync_run = Table(
    "sync_run",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("flow", Text, nullable=False),
    Column("flow_run_id", Text),
    Column("org", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("counts", JSON_OBJECT, nullable=False),
    Column("requests_used", Integer, nullable=False),
    Column("requests_forecast", Integer),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
)

checkpoint = Table(
    "checkpoint",
    metadata,
    Column("org", Text, primary_key=True),
    Column("sobject", Text, primary_key=True),
    Column("sync_run_id", ROW_ID, ForeignKey("sync_run.id"), nullable=False),
    Column("mapping_fingerprint", Text, nullable=False),
    Column("job_id", Text, nullable=False),
    Column("read_from", Instant, nullable=False),
    Column("locator", Text),
    Column("rows_done", Integer, nullable=False),
    Column("finished", Boolean, nullable=False),
)

watermark = Table(
    "watermark",
    metadata,
    Column("org", Text, primary_key=True),
    Column("sobject", Text, primary_key=True),
    Column("stored_until", Instant, nullable=False),
    # Of the mapping with which the last full sync read the object; empty when another one is due.
    Column("mapping_fingerprint", Text, nullable=False),
    Column("unique_field", Text, nullable=False, server_default=""),
    # By mapped field, as Salesforce described it; null for one that it did not show.
    Column("field_types", JSON_OBJECT, nullable=False, server_default="{}"),
    Column("consent_links", Text, nullable=False, server_default=""),
    Column("formulas_read_at", Instant),
)

request_ledger = Table(
    "request_ledger",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("org", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("flow", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("status", Integer),
    Column("org_used", Integer),
    Column("org_allowed", Integer),
    Index("ix_request_ledger_org_at_flow", "org", "at", "flow"),
)

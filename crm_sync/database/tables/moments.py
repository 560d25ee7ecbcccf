"""The tables of contact moments: the e-mails that customers got, and what of them is in Salesforce."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text, text

from crm_sync.database.tables.customers import Instant, metadata

CUSTOMER_ID = BigInteger().with_variant(Integer, "sqlite")

_NOT_NOTICED = text("unsubscribed_at IS NOT NULL AND unsubscribe_seen IS NULL")

# One e-mail to one customer. Senders write here with `record_moments` of crm_sync.moments.record_store.
contact_moment = Table(
    "contact_moment",
    metadata,
    # The sender's own key of this e-mail to this customer, at most 64 characters; it is the external id in Salesforce.
    Column("moment_id", Text, primary_key=True),
    # No foreign key: a moment may come before its customer, and then waits.
    Column("customer_id", CUSTOMER_ID, nullable=False),
    Column("campaign", Text),
    Column("mailing", Text),
    Column("subject", Text),
    Column("sent_at", Instant, nullable=False),
    Column("delivered_at", Instant),
    Column("first_opened_at", Instant),
    Column("last_opened_at", Instant),
    Column("opens", Integer, nullable=False, server_default="0"),
    # Opens by a mail program's proxy or a filter and not by a person.
    Column("first_machine_opened_at", Instant),
    Column("last_machine_opened_at", Instant),
    Column("machine_opens", Integer, nullable=False, server_default="0"),
    Column("first_clicked_at", Instant),
    Column("last_clicked_at", Instant),
    Column("clicks", Integer, nullable=False, server_default="0"),
    Column("bounced_at", Instant),
    Column("bounce_category", Text),
    Column("bounce_reason", Text),
    Column("unsubscribed_at", Instant),
    # Whether the unsubscription was noticed as a no.
    Column("unsubscribe_seen", Boolean),
    Column("online_version_url", Text),
    # One more at every change: two changes can have the same `changed_at`, and both have to reach Salesforce.
    Column("version", Integer, nullable=False, server_default="1"),
    Column("changed_at", Instant, nullable=False),
    Index("ix_contact_moment_customer_id", "customer_id"),
    Index(
        "ix_contact_moment_unsubscribed",
        "customer_id",
        sqlite_where=_NOT_NOTICED,
        postgresql_where=_NOT_NOTICED,
    ),
)

# What became of a moment in Salesforce, for each of the two objects: the last try, and the last that went well.
moment_export = Table(
    "moment_export",
    metadata,
    Column("moment_id", Text, primary_key=True),
    Column("sobject", Text, primary_key=True),
    # Whose moment it was when Salesforce last took it; another one than in contact_moment after a correction.
    Column("customer_id", CUSTOMER_ID, nullable=False),
    # The lead or contact of the last try, and its SystemModstamp as the mirror had it then.
    Column("parent_id", Text, nullable=False),
    Column("parent_stamp", Text),
    Column("version", Integer, nullable=False),
    # Of the object's names and the settings: when they change, the moment is looked at again.
    Column("payload_fingerprint", Text, nullable=False),
    # Of the values that Salesforce took last; what is the same is not sent again.
    Column("content", Text),
    Column("salesforce_id", Text),
    Column("first_exported_at", Instant),
    Column("exported_at", Instant),
    Column("tried_at", Instant, nullable=False),
    # Why the last try was refused (RefusalClass), with Salesforce's code and message; empty when it went well.
    Column("refusal", Text),
    Column("error_code", Text),
    Column("error_message", Text),
    # Exports that tried it since Salesforce last accepted it; one counts once, however often it writes it again.
    Column("attempts", Integer, nullable=False),
    Index("ix_moment_export_tried_at", "tried_at"),
)

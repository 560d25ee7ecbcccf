"""The tables of a connected Deployteq account: the mirror of its customers, and what is under way to it."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text, text

from crm_sync.database.tables.customers import JSON_OBJECT, ROW_ID, Instant, metadata

# The mirror and the ledger of deliveries in one: a customer in Deployteq as it was last read, and what both agreed on.
deployteq_customer = Table(
    "deployteq_customer",
    metadata,
    Column("brand", Text, primary_key=True),
    Column("deployteq_id", BigInteger, primary_key=True, autoincrement=False),
    Column("customer_id", ROW_ID),
    Column("paired_by", Text),
    # One of several there that are one customer here; nothing but a no is written to it.
    Column("is_double", Boolean, nullable=False, server_default=text("false")),
    Column("identity", Text),
    Column("salesforce_id", Text),
    Column("address_hash", BigInteger),
    Column("says_no_email", Boolean),
    Column("says_no_sms", Boolean),
    # As Deployteq gave them; what we held, and what Deployteq held, when the two last agreed.
    Column("field_values", JSON_OBJECT, nullable=False),
    Column("sent_values", JSON_OBJECT),
    Column("agreed_values", JSON_OBJECT),
    Column("modified_at", Text),
    Column("modified_by", Text),
    Column("read_at", Instant, nullable=False),
    # The customer's `modified_at` when it was last compared; empty when Deployteq's values changed since.
    Column("compared_at", Instant),
    Column("first_delivered_at", Instant),
    Column("seen_at", Instant),
    Column("missing_since", Instant),
    Column("deleted_there_at", Instant),
    # When it was put into the group of customers that were joined to another one here.
    Column("grouped_at", Instant),
    Column("error_code", Text),
    Column("refused_at", Instant),
    Index("ix_deployteq_customer_customer_id", "customer_id"),
    Index("ix_deployteq_customer_address_hash", "address_hash"),
    Index("ix_deployteq_customer_identity", "identity"),
)

# Customers that are about to be inserted, entered before the call: one whose answer never came is looked for first.
deployteq_pending = Table(
    "deployteq_pending",
    metadata,
    Column("brand", Text, primary_key=True),
    Column("customer_id", ROW_ID, primary_key=True, autoincrement=False),
    Column("sent_at", Instant),
    # Why Deployteq refused it, and the customer's `modified_at` then: tried again when it changes, or after a day.
    Column("error_code", Text),
    Column("refused_at", Instant),
    Column("customer_modified_at", Instant),
)

# Fields that were changed on both sides. Who wins is Salesforce; the page shows what Deployteq had.
deployteq_conflict = Table(
    "deployteq_conflict",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("brand", Text, nullable=False),
    Column("customer_id", ROW_ID, nullable=False),
    Column("field", Text, nullable=False),
    Column("here", Text),
    Column("there", Text),
    Column("sync_run_id", ROW_ID),
    Column("at", Instant, nullable=False),
)

# What Deployteq's documentation leaves open, as it was measured at this account.
deployteq_probe = Table(
    "deployteq_probe",
    metadata,
    Column("brand", Text, primary_key=True),
    Column("question", Text, primary_key=True),
    Column("answer", Text, nullable=False),
    Column("is_safe", Boolean, nullable=False),
    Column("asked_at", Instant, nullable=False),
)

# How far the connection has come: what a person has accepted, and when what was last done.
deployteq_connection = Table(
    "deployteq_connection",
    metadata,
    Column("brand", Text, primary_key=True),
    # Customers in the account when the pairing was made, and the pairing that a person accepted.
    Column("paired_at", Instant),
    Column("customers_there", Integer),
    Column("accepted_at", Instant),
    Column("accepted_customers", Integer),
    # The first customers were inserted, and a person has looked at them.
    Column("approved_at", Instant),
    Column("swept_at", Instant),
)

# Results in Deployteq that a run has asked for and not freed yet; `is_over`: nobody reads them any more.
deployteq_resource = Table(
    "deployteq_resource",
    metadata,
    Column("brand", Text, primary_key=True),
    Column("resource_id", BigInteger, primary_key=True, autoincrement=False),
    Column("held_at", Instant, nullable=False),
    Column("is_over", Boolean, nullable=False),
)

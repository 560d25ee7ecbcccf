"""The tables that keep harm away: records whose landing waits for a person, old values, and who was erased."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text

from crm_sync.database.tables.customers import JSON_OBJECT, ROW_ID, Instant, metadata

# Records as they were read, set aside since landing them would harm their customers. Those of too many wait for a
# person; the others land at the end of the same run.
held_record = Table(
    "held_record",
    metadata,
    Column("id", Text, primary_key=True),
    Column("sobject", Text, nullable=False),
    Column("unique_key", Text),
    Column("system_modstamp", Instant, nullable=False),
    Column("is_deleted", Boolean, nullable=False),
    Column("is_converted", Boolean, nullable=False),
    Column("converted_contact_id", Text),
    Column("master_record_id", Text),
    Column("field_values", JSON_OBJECT, nullable=False),
    Column("address_hash", BigInteger),
    Column("says_no_email", Boolean),
    Column("says_no_sms", Boolean),
    Column("customer_id", ROW_ID, nullable=False),
    # What landing it would do (crm_sync.holds.rule), one effect a line.
    Column("effects", Text, nullable=False),
    Column("held_at", Instant, nullable=False),
)

# How many customers each run changed so without asking (crm_sync.holds.rule), for a day.
let_through = Table(
    "let_through",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("effect", Text, nullable=False),
    Column("customers", Integer, nullable=False),
    Column("at", Instant, nullable=False),
)

# What customers were before a run changed them, once for each customer and run; `at`: when the run was started.
customer_history = Table(
    "customer_history",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("customer_id", ROW_ID, nullable=False),
    Column("at", Instant, nullable=False),
    # The whole row, without what is empty.
    Column("was", JSON_OBJECT, nullable=False),
    Index("ix_customer_history_at", "at"),
    Index("ix_customer_history_customer_id", "customer_id"),
)

# Keyed hashes of the addresses and record Ids of people who were erased.
erased = Table(
    "erased",
    metadata,
    Column("hash", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
)

# The numbers of their customers, which nobody gets again: what comes late for one is not kept.
erased_customer = Table(
    "erased_customer",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
)

"""The tables of consent: the ledger, the noes that stand, the yeses that wait to be judged, and the deliveries."""

from sqlalchemy import BigInteger, Column, ColumnElement, Index, Integer, Table, Text, and_, text

from crm_sync.database.tables.customers import ROW_ID, Instant, metadata

# In words that a plan is made of: a parameter would hide the partial index from SQLite.
SAID_HERE = text("side = 'here'")

# What was said, once and for all. Triggers refuse to change or to delete a row.
consent_event = Table(
    "consent_event",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    # A keyed hash of the normalised address (crm_sync.columns.address_hash): it outlives the person's data.
    Column("address_hash", BigInteger, nullable=False),
    Column("customer_id", ROW_ID),
    Column("channel", Text, nullable=False),
    Column("said", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("cause", Text, nullable=False),
    # The record, the Deployteq id or the contact moment with which it was said.
    Column("reference", Text),
    Column("not_before", Instant),
    Column("not_after", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("sync_run_id", ROW_ID),
    Index("ix_consent_event_address_hash", "address_hash"),
)

# The noes that no yes has lifted, each by itself: one for each address, channel and place where it was said.
address_consent = Table(
    "address_consent",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("address_hash", BigInteger, nullable=False),
    Column("channel", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("since", Instant, nullable=False),
    # Moves while its record goes on saying no and is edited: it may have been said again.
    Column("not_after", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Index("ix_address_consent_place", "address_hash", "channel", "side", "reference", unique=True),
    # The few that were said here: each batch asks for those since the last look.
    Index("ix_address_consent_here", "seen_at", sqlite_where=SAID_HERE, postgresql_where=SAID_HERE),
)

# Yeses that were seen and not judged yet: first the noes of every side are to be known.
consent_candidate = Table(
    "consent_candidate",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("address_hash", BigInteger, nullable=False),
    Column("channel", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("not_before", Instant),
    Column("seen_at", Instant, nullable=False),
    # Since when it is held back: too many at once, until a person approves.
    Column("held_at", Instant),
    Index("ix_consent_candidate_place", "address_hash", "channel", "side", "reference", unique=True),
)

# The queue of withdrawals (and of the yeses that lift one) that Salesforce does not have yet, a record a row.
consent_delivery = Table(
    "consent_delivery",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("sobject", Text, nullable=False),
    Column("record_id", Text, nullable=False),
    Column("customer_id", ROW_ID, nullable=False),
    Column("channel", Text, nullable=False),
    Column("said", Text, nullable=False),
    Column("queued_at", Instant, nullable=False),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("delivered_at", Instant),
    # Ended without being sent: the record went away, or the word was taken back.
    Column("ended_at", Instant),
    Index(
        "ix_consent_delivery_waiting",
        "record_id",
        "channel",
        unique=True,
        sqlite_where=text("delivered_at IS NULL AND ended_at IS NULL"),
        postgresql_where=text("delivered_at IS NULL AND ended_at IS NULL"),
    ),
    Index("ix_consent_delivery_customer_id", "customer_id"),
)


def is_waiting() -> ColumnElement[bool]:
    """Tell whether a delivery is neither accepted by Salesforce nor ended; a partial index answers it."""
    return and_(consent_delivery.c.delivered_at.is_(None), consent_delivery.c.ended_at.is_(None))


# Objects whose opt-out field Salesforce no longer shows: nobody knows who said no there since.
consent_gap = Table(
    "consent_gap",
    metadata,
    Column("sobject", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("since", Instant, nullable=False),
)

# Customers whose e-mail address was written, by whoever it was: a trigger notes each time, and the next look holds
# their hash against it. No key but its own: two writers at once neither wait for each other nor lose a note.
changed_address = Table(
    "changed_address",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("customer_id", ROW_ID, nullable=False),
)

# Facts about this installation, by name: which key the hashes are made with, for example.
installation = Table(
    "installation",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

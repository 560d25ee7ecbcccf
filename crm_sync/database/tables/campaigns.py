"""The tables of campaigns: who waits for the Salesforce Synchronize step, by which output each customer left it."""

from sqlalchemy import Column, ForeignKey, Index, Table, Text, text

from crm_sync.database.tables.customers import ROW_ID, Instant, metadata

_WAITING = text("done_at IS NULL")

campaign = Table(
    "campaign",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
)

# The queue: a row for each time that a customer reaches the step.
campaign_member = Table(
    "campaign_member",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("campaign_id", ROW_ID, ForeignKey("campaign.id"), nullable=False),
    Column("step", Text, nullable=False),
    Column("customer_id", ROW_ID, ForeignKey("customer.id"), nullable=False),
    Column("entered_at", Instant, nullable=False),
    Column("claimed_by", ROW_ID, ForeignKey("sync_run.id")),
    # Which process claims it, to distinguish a run that was killed from one that goes on.
    Column("claimed_in", Text),
    Column("claimed_at", Instant),
    Column("done_at", Instant),
    Index(
        "ix_campaign_member_waiting",
        "campaign_id",
        "step",
        "customer_id",
        unique=True,
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    ),
)

campaign_output = Table(
    "campaign_output",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    # Unique: whoever reaches the step leaves it by one output.
    Column("member_id", ROW_ID, ForeignKey("campaign_member.id"), nullable=False, unique=True),
    Column("sync_run_id", ROW_ID, ForeignKey("sync_run.id"), nullable=False),
    Column("campaign_id", ROW_ID, ForeignKey("campaign.id"), nullable=False),
    Column("step", Text, nullable=False),
    Column("customer_id", ROW_ID, ForeignKey("customer.id"), nullable=False),
    Column("output", Text, nullable=False),
    Column("salesforce_id", Text),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("at", Instant, nullable=False),
    Index("ix_campaign_output_customer", "campaign_id", "step", "customer_id"),
    Index("ix_campaign_output_sync_run_id", "sync_run_id"),
)

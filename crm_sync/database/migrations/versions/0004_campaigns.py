"""Campaigns: the queue of the Salesforce Synchronize step, its outputs, and what Salesforce says of its fields."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables of campaigns."""
    op.create_table(
        "campaign",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "campaign_member",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("campaign_id", _ROW_ID, nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("customer_id", _ROW_ID, nullable=False),
        sa.Column("entered_at", _INSTANT, nullable=False),
        sa.Column("claimed_by", _ROW_ID, nullable=True),
        sa.Column("claimed_in", sa.Text(), nullable=True),
        sa.Column("claimed_at", _INSTANT, nullable=True),
        sa.Column("done_at", _INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"]),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"]),
        sa.ForeignKeyConstraint(["claimed_by"], ["sync_run.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_campaign_member_waiting",
        "campaign_member",
        ["campaign_id", "step", "customer_id"],
        unique=True,
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "campaign_output",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("member_id", _ROW_ID, nullable=False),
        sa.Column("sync_run_id", _ROW_ID, nullable=False),
        sa.Column("campaign_id", _ROW_ID, nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("customer_id", _ROW_ID, nullable=False),
        sa.Column("output", sa.Text(), nullable=False),
        sa.Column("salesforce_id", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("at", _INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["campaign_member.id"]),
        sa.ForeignKeyConstraint(["sync_run_id"], ["sync_run.id"]),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"]),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("member_id"),
    )
    op.create_index("ix_campaign_output_customer", "campaign_output", ["campaign_id", "step", "customer_id"])
    op.create_index("ix_campaign_output_sync_run_id", "campaign_output", ["sync_run_id"])
    op.create_table(
        "described_object",
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("sobject", sa.Text(), nullable=False),
        sa.Column("fields", _JSON, nullable=False),
        sa.Column("described_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("org", "sobject"),
    )

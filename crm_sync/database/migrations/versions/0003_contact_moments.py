"""Contact moments, and what of them is in Salesforce."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_CUSTOMER_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "contact_moment",
        sa.Column("moment_id", sa.Text(), nullable=False),
        sa.Column("customer_id", _CUSTOMER_ID, nullable=False),
        sa.Column("campaign", sa.Text(), nullable=True),
        sa.Column("mailing", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("sent_at", _INSTANT, nullable=False),
        sa.Column("delivered_at", _INSTANT, nullable=True),
        sa.Column("first_opened_at", _INSTANT, nullable=True),
        sa.Column("last_opened_at", _INSTANT, nullable=True),
        sa.Column("opens", sa.Integer(), server_default="0", nullable=False),
        sa.Column("first_machine_opened_at", _INSTANT, nullable=True),
        sa.Column("last_machine_opened_at", _INSTANT, nullable=True),
        sa.Column("machine_opens", sa.Integer(), server_default="0", nullable=False),
        sa.Column("first_clicked_at", _INSTANT, nullable=True),
        sa.Column("last_clicked_at", _INSTANT, nullable=True),
        sa.Column("clicks", sa.Integer(), server_default="0", nullable=False),
        sa.Column("bounced_at", _INSTANT, nullable=True),
        sa.Column("bounce_category", sa.Text(), nullable=True),
        sa.Column("bounce_reason", sa.Text(), nullable=True),
        sa.Column("unsubscribed_at", _INSTANT, nullable=True),
        sa.Column("online_version_url", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("moment_id"),
    )
    op.create_index("ix_contact_moment_customer_id", "contact_moment", ["customer_id"], unique=False)
    op.create_table(
        "moment_export",
        sa.Column("moment_id", sa.Text(), nullable=False),
        sa.Column("sobject", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Text(), nullable=False),
        sa.Column("parent_stamp", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("payload_fingerprint", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("salesforce_id", sa.Text(), nullable=True),
        sa.Column("first_exported_at", _INSTANT, nullable=True),
        sa.Column("exported_at", _INSTANT, nullable=True),
        sa.Column("tried_at", _INSTANT, nullable=False),
        sa.Column("refusal", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("moment_id", "sobject"),
    )
    op.create_index("ix_moment_export_tried_at", "moment_export", ["tried_at"], unique=False)

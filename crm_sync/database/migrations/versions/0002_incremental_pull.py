"""What an incremental pull has to know of an object without asking, and merged records by their master."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Add what the last full sync saw; a watermark from before asks for a full sync."""
    with op.batch_alter_table("watermark") as watermark:
        watermark.add_column(sa.Column("unique_field", sa.Text(), nullable=False, server_default=""))
        watermark.add_column(sa.Column("field_types", _JSON, nullable=False, server_default="{}"))
    op.create_index(
        "ix_salesforce_record_master_record_id",
        "salesforce_record",
        ["master_record_id"],
        sqlite_where=sa.text("master_record_id IS NOT NULL"),
        postgresql_where=sa.text("master_record_id IS NOT NULL"),
    )

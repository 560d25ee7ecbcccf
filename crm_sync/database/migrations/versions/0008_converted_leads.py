"""The leads that were converted into a contact are found by it."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the index."""
    is_converted = sa.text("converted_contact_id IS NOT NULL")
    op.create_index(
        "ix_salesforce_record_converted_contact_id",
        "salesforce_record",
        ["converted_contact_id"],
        sqlite_where=is_converted,
        postgresql_where=is_converted,
    )

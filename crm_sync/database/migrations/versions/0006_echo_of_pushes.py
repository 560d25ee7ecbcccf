"""Which records a push has written, so that the pull that reads them again knows its echo."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column; of earlier pushes nothing is known."""
    op.add_column("salesforce_record", sa.Column("pushed_at", sa.DateTime(timezone=True), nullable=True))

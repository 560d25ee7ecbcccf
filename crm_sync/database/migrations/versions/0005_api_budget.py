"""The request budget: the org's use, breakers, backlogs, alerts, and the forecast of a run."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables, and let the ledger be counted by flow without reading its rows."""
    op.create_table(
        "org_use",
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("allowed", sa.Integer(), nullable=False),
        sa.Column("app_used", sa.Integer(), nullable=True),
        sa.Column("app_allowed", sa.Integer(), nullable=True),
        sa.Column("is_bursting", sa.Boolean(), nullable=False),
        sa.Column("seen_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("org"),
    )
    op.create_table(
        "breaker",
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("closed_at", _INSTANT, nullable=False),
        sa.Column("until", _INSTANT, nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("prober", sa.Text(), nullable=True),
        sa.Column("probe_until", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("org", "scope"),
    )
    op.create_table(
        "backlog",
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("grew", sa.Integer(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("org", "name"),
    )
    op.create_table(
        "alert",
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("org", "name"),
    )
    op.drop_index("ix_request_ledger_org_at", "request_ledger")
    op.create_index("ix_request_ledger_org_at_flow", "request_ledger", ["org", "at", "flow"], unique=False)
    op.add_column("sync_run", sa.Column("requests_forecast", sa.Integer(), nullable=True))

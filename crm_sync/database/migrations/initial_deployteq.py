"""The part of the initial migration that keeps a connected Deployteq account."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_INSTANT = sa.DateTime(timezone=True)
_TEXT = sa.Text()


def make_deployteq() -> None:
    """Make the mirror of Deployteq's customers, what is under way to it, and what is known of the account."""
    _make_mirror()
    _make_delivery()
    _make_connection()


def _make_mirror() -> None:
    op.create_table(
        "deployteq_customer",
        sa.Column("brand", _TEXT, primary_key=True),
        sa.Column("deployteq_id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("customer_id", _ROW_ID),
        sa.Column("paired_by", _TEXT),
        sa.Column("is_double", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        *_columns("identity salesforce_id", _TEXT),
        sa.Column("address_hash", sa.BigInteger()),
        *_columns("says_no_email says_no_sms", sa.Boolean()),
        sa.Column("field_values", _JSON, nullable=False),
        *_columns("sent_values agreed_values", _JSON),
        *_columns("modified_at modified_by", _TEXT),
        sa.Column("read_at", _INSTANT, nullable=False),
        *_columns("compared_at first_delivered_at seen_at missing_since deleted_there_at grouped_at", _INSTANT),
        sa.Column("error_code", _TEXT),
        sa.Column("refused_at", _INSTANT),
        *(sa.Index(f"ix_deployteq_customer_{name}", name) for name in ("customer_id", "address_hash", "identity")),
    )


def _make_delivery() -> None:
    op.create_table(
        "deployteq_pending",
        sa.Column("brand", _TEXT, primary_key=True),
        sa.Column("customer_id", _ROW_ID, primary_key=True, autoincrement=False),
        sa.Column("sent_at", _INSTANT),
        sa.Column("error_code", _TEXT),
        *_columns("refused_at customer_modified_at", _INSTANT),
    )
    op.create_table(
        "deployteq_conflict",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("brand", _TEXT, nullable=False),
        sa.Column("customer_id", _ROW_ID, nullable=False),
        sa.Column("field", _TEXT, nullable=False),
        *_columns("here there", _TEXT),
        sa.Column("sync_run_id", _ROW_ID),
        sa.Column("at", _INSTANT, nullable=False),
    )


def _make_connection() -> None:
    op.create_table(
        "deployteq_probe",
        sa.Column("brand", _TEXT, primary_key=True),
        sa.Column("question", _TEXT, primary_key=True),
        sa.Column("answer", _TEXT, nullable=False),
        sa.Column("is_safe", sa.Boolean(), nullable=False),
        sa.Column("asked_at", _INSTANT, nullable=False),
    )
    op.create_table(
        "deployteq_connection",
        sa.Column("brand", _TEXT, primary_key=True),
        sa.Column("paired_at", _INSTANT),
        sa.Column("customers_there", sa.Integer()),
        sa.Column("accepted_at", _INSTANT),
        sa.Column("accepted_customers", sa.Integer()),
        *_columns("approved_at swept_at", _INSTANT),
    )
    op.create_table(
        "deployteq_resource",
        sa.Column("brand", _TEXT, primary_key=True),
        sa.Column("resource_id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("held_at", _INSTANT, nullable=False),
        sa.Column("is_over", sa.Boolean(), nullable=False),
    )


def _columns(names: str, kind: Any) -> "list[sa.Column[Any]]":
    return [sa.Column(name, kind) for name in names.split()]

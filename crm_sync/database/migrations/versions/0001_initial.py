"""Customers, the mirror of Salesforce's records, runs and the request ledger."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "customer",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("unique_key", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("user_name", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("initials", sa.Text(), nullable=True),
        sa.Column("firstname", sa.Text(), nullable=True),
        sa.Column("middlename", sa.Text(), nullable=True),
        sa.Column("prefix", sa.Text(), nullable=True),
        sa.Column("lastname", sa.Text(), nullable=True),
        sa.Column("suffix", sa.Text(), nullable=True),
        sa.Column("gender", sa.Text(), nullable=True),
        sa.Column("marital_status", sa.Text(), nullable=True),
        sa.Column("birthday", sa.Date(), nullable=True),
        sa.Column("birthplace", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("address2", sa.Text(), nullable=True),
        sa.Column("address3", sa.Text(), nullable=True),
        sa.Column("address_number", sa.Text(), nullable=True),
        sa.Column("address_number_suffix", sa.Text(), nullable=True),
        sa.Column("zip_code", sa.Text(), nullable=True),
        sa.Column("po_box", sa.Text(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("alternate_address", sa.Text(), nullable=True),
        sa.Column("alternate_address2", sa.Text(), nullable=True),
        sa.Column("alternate_address3", sa.Text(), nullable=True),
        sa.Column("alternate_address_number", sa.Text(), nullable=True),
        sa.Column("alternate_address_number_suffix", sa.Text(), nullable=True),
        sa.Column("alternate_zip_code", sa.Text(), nullable=True),
        sa.Column("alternate_city", sa.Text(), nullable=True),
        sa.Column("alternate_state", sa.Text(), nullable=True),
        sa.Column("alternate_country", sa.Text(), nullable=True),
        sa.Column("company_name", sa.Text(), nullable=True),
        sa.Column("department", sa.Text(), nullable=True),
        sa.Column("contact_man", sa.Text(), nullable=True),
        sa.Column("job_title", sa.Text(), nullable=True),
        sa.Column("work_phone", sa.Text(), nullable=True),
        sa.Column("work_extension", sa.Text(), nullable=True),
        sa.Column("work_mobile", sa.Text(), nullable=True),
        sa.Column("home_phone", sa.Text(), nullable=True),
        sa.Column("mobile_phone", sa.Text(), nullable=True),
        sa.Column("fax_number", sa.Text(), nullable=True),
        sa.Column("email_address", sa.Text(), nullable=True),
        sa.Column("alternate_email_address", sa.Text(), nullable=True),
        sa.Column("email_type", sa.Text(), nullable=True),
        sa.Column("website", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("opt_in", sa.Boolean(), nullable=True),
        sa.Column("sms_opt_in", sa.Boolean(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("mail_status", sa.Text(), nullable=True),
        sa.Column("options", _JSON, nullable=False),
        sa.Column("salesforce_object", sa.Text(), nullable=True),
        sa.Column("salesforce_id", sa.Text(), nullable=True),
        sa.Column("second_salesforce_id", sa.Text(), nullable=True),
        sa.Column("merged_into_customer_id", _ROW_ID, nullable=True),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("modified_at", _INSTANT, nullable=False),
        sa.Column("deleted_in_salesforce_at", _INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["merged_into_customer_id"],
            ["customer.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("unique_key"),
    )
    op.create_table(
        "request_ledger",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("flow", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("org_used", sa.Integer(), nullable=True),
        sa.Column("org_allowed", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_request_ledger_org_at", "request_ledger", ["org", "at"], unique=False)
    op.create_table(
        "salesforce_record",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("sobject", sa.Text(), nullable=False),
        sa.Column("unique_key", sa.Text(), nullable=True),
        sa.Column("customer_id", _ROW_ID, nullable=True),
        sa.Column("system_modstamp", _INSTANT, nullable=False),
        sa.Column("is_deleted", sa.Boolean(), nullable=False),
        sa.Column("is_converted", sa.Boolean(), nullable=False),
        sa.Column("converted_contact_id", sa.Text(), nullable=True),
        sa.Column("master_record_id", sa.Text(), nullable=True),
        sa.Column("field_values", _JSON, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_salesforce_record_unique_key", "salesforce_record", ["unique_key"], unique=False)
    op.create_table(
        "sync_run",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("flow", sa.Text(), nullable=False),
        sa.Column("flow_run_id", sa.Text(), nullable=True),
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("counts", _JSON, nullable=False),
        sa.Column("requests_used", sa.Integer(), nullable=False),
        sa.Column("started_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "watermark",
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("sobject", sa.Text(), nullable=False),
        sa.Column("stored_until", _INSTANT, nullable=False),
        sa.Column("mapping_fingerprint", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("org", "sobject"),
    )
    op.create_table(
        "checkpoint",
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("sobject", sa.Text(), nullable=False),
        sa.Column("sync_run_id", _ROW_ID, nullable=False),
        sa.Column("mapping_fingerprint", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("read_from", _INSTANT, nullable=False),
        sa.Column("locator", sa.Text(), nullable=True),
        sa.Column("rows_done", sa.Integer(), nullable=False),
        sa.Column("finished", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["sync_run_id"],
            ["sync_run.id"],
        ),
        sa.PrimaryKeyConstraint("org", "sobject"),
    )
    op.create_table(
        "rejected_record",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("sobject", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("system_modstamp", _INSTANT, nullable=False),
        sa.Column("sync_run_id", _ROW_ID, nullable=False),
        sa.Column("rejected_at", _INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["sync_run_id"],
            ["sync_run.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )

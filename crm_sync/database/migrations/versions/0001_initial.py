"""The tables before the first release."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    _make_customers()
    _make_runs()
    _make_campaigns()
    _make_moments()
    _make_budget()


def _texts(names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text()) for name in names.split()]


def _where(condition: str) -> dict[str, Any]:
    return {f"{dialect}_where": sa.text(condition) for dialect in ("sqlite", "postgresql")}


def _make_customers() -> None:
    op.create_table(
        "customer",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("unique_key", sa.Text(), nullable=False, unique=True),
        *_texts(
            "external_id user_name title initials firstname middlename prefix lastname suffix gender marital_status"
        ),
        sa.Column("birthday", sa.Date()),
        *_texts(
            "birthplace address address2 address3 address_number address_number_suffix zip_code po_box city "
            "state country alternate_address alternate_address2 alternate_address3 alternate_address_number "
            "alternate_address_number_suffix alternate_zip_code alternate_city alternate_state "
            "alternate_country company_name department contact_man job_title work_phone work_extension "
            "work_mobile home_phone mobile_phone fax_number email_address alternate_email_address email_type "
            "website language"
        ),
        sa.Column("opt_in", sa.Boolean()),
        sa.Column("sms_opt_in", sa.Boolean()),
        sa.Column("status", sa.Text()),
        sa.Column("mail_status", sa.Text()),
        sa.Column("options", _JSON, nullable=False),
        sa.Column("salesforce_object", sa.Text()),
        sa.Column("salesforce_id", sa.Text()),
        sa.Column("secondary_salesforce_id", sa.Text()),
        sa.Column("merged_into_customer_id", _ROW_ID, sa.ForeignKey("customer.id")),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("modified_at", _INSTANT, nullable=False),
        sa.Column("deleted_in_salesforce_at", _INSTANT),
    )
    op.create_table(
        "salesforce_record",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("sobject", sa.Text(), nullable=False),
        sa.Column("unique_key", sa.Text()),
        sa.Column("customer_id", _ROW_ID),
        sa.Column("system_modstamp", _INSTANT, nullable=False),
        sa.Column("is_deleted", sa.Boolean(), nullable=False),
        sa.Column("is_converted", sa.Boolean(), nullable=False),
        sa.Column("converted_contact_id", sa.Text()),
        sa.Column("master_record_id", sa.Text()),
        sa.Column("field_values", _JSON, nullable=False),
        sa.Column("pushed_at", _INSTANT),
        sa.Index(
            "ix_salesforce_record_converted_contact_id",
            "converted_contact_id",
            **_where("converted_contact_id IS NOT NULL"),
        ),
        sa.Index("ix_salesforce_record_master_record_id", "master_record_id", **_where("master_record_id IS NOT NULL")),
        sa.Index("ix_salesforce_record_unique_key", "unique_key"),
    )


def _make_runs() -> None:
    op.create_table(
        "sync_run",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("flow", sa.Text(), nullable=False),
        sa.Column("flow_run_id", sa.Text()),
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("counts", _JSON, nullable=False),
        sa.Column("requests_used", sa.Integer(), nullable=False),
        sa.Column("requests_forecast", sa.Integer()),
        sa.Column("started_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT),
    )
    op.create_table(
        "rejected_record",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("sobject", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("system_modstamp", _INSTANT, nullable=False),
        sa.Column("sync_run_id", _ROW_ID, sa.ForeignKey("sync_run.id"), nullable=False),
        sa.Column("rejected_at", _INSTANT, nullable=False),
    )
    op.create_table(
        "checkpoint",
        sa.Column("org", sa.Text(), primary_key=True),
        sa.Column("sobject", sa.Text(), primary_key=True),
        sa.Column("sync_run_id", _ROW_ID, sa.ForeignKey("sync_run.id"), nullable=False),
        sa.Column("mapping_fingerprint", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("read_from", _INSTANT, nullable=False),
        sa.Column("locator", sa.Text()),
        sa.Column("rows_done", sa.Integer(), nullable=False),
        sa.Column("finished", sa.Boolean(), nullable=False),
    )
    op.create_table(
        "watermark",
        sa.Column("org", sa.Text(), primary_key=True),
        sa.Column("sobject", sa.Text(), primary_key=True),
        sa.Column("stored_until", _INSTANT, nullable=False),
        sa.Column("mapping_fingerprint", sa.Text(), nullable=False),
        sa.Column("unique_field", sa.Text(), nullable=False, server_default=""),
        sa.Column("field_types", _JSON, nullable=False, server_default="{}"),
    )
    op.create_table(
        "request_ledger",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("flow", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("org_used", sa.Integer()),
        sa.Column("org_allowed", sa.Integer()),
        sa.Index("ix_request_ledger_org_at_flow", "org", "at", "flow"),
    )


def _make_campaigns() -> None:
    op.create_table(
        "campaign",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("name", sa.Text(), nullable=False, unique=True),
        sa.Column("created_at", _INSTANT, nullable=False),
    )
    op.create_table(
        "campaign_member",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("campaign_id", _ROW_ID, sa.ForeignKey("campaign.id"), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("customer_id", _ROW_ID, sa.ForeignKey("customer.id"), nullable=False),
        sa.Column("entered_at", _INSTANT, nullable=False),
        sa.Column("claimed_by", _ROW_ID, sa.ForeignKey("sync_run.id")),
        sa.Column("claimed_in", sa.Text()),
        sa.Column("claimed_at", _INSTANT),
        sa.Column("done_at", _INSTANT),
        sa.Index(
            "ix_campaign_member_waiting", "campaign_id", "step", "customer_id", unique=True, **_where("done_at IS NULL")
        ),
    )
    op.create_table(
        "campaign_output",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("member_id", _ROW_ID, sa.ForeignKey("campaign_member.id"), nullable=False, unique=True),
        sa.Column("sync_run_id", _ROW_ID, sa.ForeignKey("sync_run.id"), nullable=False),
        sa.Column("campaign_id", _ROW_ID, sa.ForeignKey("campaign.id"), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("customer_id", _ROW_ID, sa.ForeignKey("customer.id"), nullable=False),
        sa.Column("output", sa.Text(), nullable=False),
        sa.Column("salesforce_id", sa.Text()),
        sa.Column("error_code", sa.Text()),
        sa.Column("error_message", sa.Text()),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Index("ix_campaign_output_customer", "campaign_id", "step", "customer_id"),
        sa.Index("ix_campaign_output_sync_run_id", "sync_run_id"),
    )
    op.create_table(
        "described_object",
        sa.Column("org", sa.Text(), primary_key=True),
        sa.Column("sobject", sa.Text(), primary_key=True),
        sa.Column("fields", _JSON, nullable=False),
        sa.Column("described_at", _INSTANT, nullable=False),
    )


def _make_moments() -> None:
    op.create_table(
        "contact_moment",
        sa.Column("moment_id", sa.Text(), primary_key=True),
        sa.Column("customer_id", _ROW_ID, nullable=False),
        sa.Column("campaign", sa.Text()),
        sa.Column("mailing", sa.Text()),
        sa.Column("subject", sa.Text()),
        sa.Column("sent_at", _INSTANT, nullable=False),
        sa.Column("delivered_at", _INSTANT),
        sa.Column("first_opened_at", _INSTANT),
        sa.Column("last_opened_at", _INSTANT),
        sa.Column("opens", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("first_machine_opened_at", _INSTANT),
        sa.Column("last_machine_opened_at", _INSTANT),
        sa.Column("machine_opens", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("first_clicked_at", _INSTANT),
        sa.Column("last_clicked_at", _INSTANT),
        sa.Column("clicks", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("bounced_at", _INSTANT),
        sa.Column("bounce_category", sa.Text()),
        sa.Column("bounce_reason", sa.Text()),
        sa.Column("unsubscribed_at", _INSTANT),
        sa.Column("online_version_url", sa.Text()),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.Index("ix_contact_moment_customer_id", "customer_id"),
    )
    op.create_table(
        "moment_export",
        sa.Column("moment_id", sa.Text(), primary_key=True),
        sa.Column("sobject", sa.Text(), primary_key=True),
        sa.Column("parent_id", sa.Text(), nullable=False),
        sa.Column("parent_stamp", sa.Text()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("payload_fingerprint", sa.Text(), nullable=False),
        sa.Column("content", sa.Text()),
        sa.Column("salesforce_id", sa.Text()),
        sa.Column("first_exported_at", _INSTANT),
        sa.Column("exported_at", _INSTANT),
        sa.Column("tried_at", _INSTANT, nullable=False),
        sa.Column("refusal", sa.Text()),
        sa.Column("error_code", sa.Text()),
        sa.Column("error_message", sa.Text()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Index("ix_moment_export_tried_at", "tried_at"),
    )


def _make_budget() -> None:
    op.create_table(
        "org_name",
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("org", sa.Text(), nullable=False),
    )
    op.create_table(
        "budget_setting",
        sa.Column("org", sa.Text(), primary_key=True),
        sa.Column("rules", _JSON, nullable=False),
    )
    op.create_table(
        "org_use",
        sa.Column("org", sa.Text(), primary_key=True),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("allowed", sa.Integer(), nullable=False),
        sa.Column("app_used", sa.Integer()),
        sa.Column("app_allowed", sa.Integer()),
        sa.Column("is_bursting", sa.Boolean(), nullable=False),
        sa.Column("seen_at", _INSTANT, nullable=False),
    )
    op.create_table(
        "breaker",
        sa.Column("org", sa.Text(), primary_key=True),
        sa.Column("scope", sa.Text(), primary_key=True),
        sa.Column("closed_at", _INSTANT, nullable=False),
        sa.Column("until", _INSTANT, nullable=False),
        sa.Column("code", sa.Text()),
        sa.Column("prober", sa.Text()),
        sa.Column("probe_until", _INSTANT),
    )
    op.create_table(
        "backlog",
        sa.Column("org", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("grew", sa.Integer(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
    )
    op.create_table(
        "alert",
        sa.Column("org", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", _INSTANT, nullable=False),
    )

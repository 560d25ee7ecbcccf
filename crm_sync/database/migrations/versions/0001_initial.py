"""The tables before the first release."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from crm_sync.database.migrations.initial_consent import make_consent
from crm_sync.database.migrations.initial_deployteq import make_deployteq
from crm_sync.database.migrations.initial_safety import make_safety

revision = "0001"
down_revision = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_INSTANT = sa.DateTime(timezone=True)
_TEXT, _INTEGER, _BOOLEAN, _DATE = sa.Text(), sa.Integer(), sa.Boolean(), sa.Date()


def upgrade() -> None:
    """Make the tables."""
    _make_customers()
    _make_records()
    _make_runs()
    _make_campaigns()
    _make_moments()
    _make_budget()
    make_consent()
    make_deployteq()
    make_safety()


def _columns(kind: TypeEngine[Any], names: str, *, nullable: bool = True) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=nullable) for name in names.split()]


def _where(condition: str) -> dict[str, Any]:
    return {f"{dialect}_where": sa.text(condition) for dialect in ("sqlite", "postgresql")}


def _make_customers() -> None:
    op.create_table(
        "customer",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("unique_key", _TEXT, nullable=False, unique=True),
        *_columns(
            _TEXT,
            "external_id user_name title initials firstname middlename prefix lastname suffix gender "
            "marital_status birthplace address address2 address3 address_number address_number_suffix zip_code "
            "po_box city state country alternate_address alternate_address2 alternate_address3 "
            "alternate_address_number alternate_address_number_suffix alternate_zip_code alternate_city "
            "alternate_state alternate_country company_name department contact_man job_title work_phone "
            "work_extension work_mobile home_phone mobile_phone fax_number email_address "
            "alternate_email_address email_type website language status mail_status salesforce_object "
            "salesforce_id secondary_salesforce_id mail_status_before",
        ),
        sa.Column("birthday", _DATE),
        *_columns(_BOOLEAN, "opt_in sms_opt_in opt_in_set sms_opt_in_set blacklist_seen"),
        sa.Column("address_hash", sa.BigInteger()),
        sa.Column("options", _JSON, nullable=False),
        sa.Column("merged_into_customer_id", _ROW_ID, sa.ForeignKey("customer.id")),
        *_columns(_INSTANT, "created_at modified_at", nullable=False),
        sa.Column("deleted_in_salesforce_at", _INSTANT),
        sa.Index("ix_customer_address_hash", "address_hash"),
        sa.Index(
            "ix_customer_consent_changed",
            "id",
            sqlite_where=sa.text("opt_in IS NOT opt_in_set OR sms_opt_in IS NOT sms_opt_in_set"),
            postgresql_where=sa.text(
                "opt_in IS DISTINCT FROM opt_in_set OR sms_opt_in IS DISTINCT FROM sms_opt_in_set"
            ),
        ),
        sa.Index(
            "ix_customer_blacklist_changed",
            "id",
            **_where("coalesce(lower(status) = 'blacklist', false) <> coalesce(blacklist_seen, false)"),
        ),
        sa.Index("ix_customer_merged_into", "merged_into_customer_id", **_where("merged_into_customer_id IS NOT NULL")),
        sqlite_autoincrement=True,
    )


def _make_records() -> None:
    op.create_table(
        "salesforce_record",
        sa.Column("id", _TEXT, primary_key=True),
        sa.Column("sobject", _TEXT, nullable=False),
        *_columns(_TEXT, "unique_key converted_contact_id master_record_id"),
        sa.Column("customer_id", _ROW_ID),
        sa.Column("system_modstamp", _INSTANT, nullable=False),
        *_columns(_BOOLEAN, "is_deleted is_converted", nullable=False),
        sa.Column("field_values", _JSON, nullable=False),
        sa.Column("address_hash", sa.BigInteger()),
        *_columns(_BOOLEAN, "says_no_email says_no_sms"),
        *_columns(_INSTANT, "read_at consent_stamp edited_at pushed_at"),
        sa.Index(
            "ix_salesforce_record_converted_contact_id",
            "converted_contact_id",
            **_where("converted_contact_id IS NOT NULL"),
        ),
        sa.Index("ix_salesforce_record_master_record_id", "master_record_id", **_where("master_record_id IS NOT NULL")),
        sa.Index("ix_salesforce_record_unique_key", "unique_key", postgresql_using="hash"),
    )


def _make_runs() -> None:
    op.create_table(
        "sync_run",
        sa.Column("id", _ROW_ID, primary_key=True),
        *_columns(_TEXT, "flow org state", nullable=False),
        sa.Column("flow_run_id", _TEXT),
        sa.Column("counts", _JSON, nullable=False),
        sa.Column("requests_used", _INTEGER, nullable=False),
        sa.Column("requests_forecast", _INTEGER),
        sa.Column("started_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT),
    )
    op.create_table(
        "rejected_record",
        sa.Column("id", _TEXT, primary_key=True),
        *_columns(_TEXT, "sobject reason", nullable=False),
        *_columns(_INSTANT, "system_modstamp rejected_at", nullable=False),
        sa.Column("sync_run_id", _ROW_ID, sa.ForeignKey("sync_run.id"), nullable=False),
    )
    op.create_table(
        "checkpoint",
        sa.Column("org", _TEXT, primary_key=True),
        sa.Column("sobject", _TEXT, primary_key=True),
        sa.Column("sync_run_id", _ROW_ID, sa.ForeignKey("sync_run.id"), nullable=False),
        *_columns(_TEXT, "mapping_fingerprint job_id", nullable=False),
        sa.Column("read_from", _INSTANT, nullable=False),
        sa.Column("locator", _TEXT),
        sa.Column("rows_done", _INTEGER, nullable=False),
        sa.Column("finished", _BOOLEAN, nullable=False),
    )
    op.create_table(
        "watermark",
        sa.Column("org", _TEXT, primary_key=True),
        sa.Column("sobject", _TEXT, primary_key=True),
        sa.Column("stored_until", _INSTANT, nullable=False),
        sa.Column("mapping_fingerprint", _TEXT, nullable=False),
        sa.Column("unique_field", _TEXT, nullable=False, server_default=""),
        sa.Column("field_types", _JSON, nullable=False, server_default="{}"),
        sa.Column("consent_links", _TEXT, nullable=False, server_default=""),
        sa.Column("formulas_read_at", _INSTANT),
    )
    op.create_table(
        "request_ledger",
        sa.Column("id", _ROW_ID, primary_key=True),
        *_columns(_TEXT, "org flow kind", nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        *_columns(_INTEGER, "status org_used org_allowed"),
        sa.Index("ix_request_ledger_org_at_flow", "org", "at", "flow"),
    )


def _make_campaigns() -> None:
    op.create_table(
        "campaign",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("name", _TEXT, nullable=False, unique=True),
        sa.Column("created_at", _INSTANT, nullable=False),
    )
    op.create_table(
        "campaign_member",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("campaign_id", _ROW_ID, sa.ForeignKey("campaign.id"), nullable=False),
        sa.Column("step", _TEXT, nullable=False),
        sa.Column("customer_id", _ROW_ID, sa.ForeignKey("customer.id"), nullable=False),
        sa.Column("entered_at", _INSTANT, nullable=False),
        sa.Column("claimed_by", _ROW_ID, sa.ForeignKey("sync_run.id")),
        sa.Column("claimed_in", _TEXT),
        *_columns(_INSTANT, "claimed_at done_at"),
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
        *_columns(_TEXT, "step output", nullable=False),
        sa.Column("customer_id", _ROW_ID, sa.ForeignKey("customer.id"), nullable=False),
        *_columns(_TEXT, "salesforce_id error_code error_message"),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Index("ix_campaign_output_customer", "campaign_id", "step", "customer_id"),
        sa.Index("ix_campaign_output_sync_run_id", "sync_run_id"),
    )


def _make_moments() -> None:
    op.create_table(
        "contact_moment",
        sa.Column("moment_id", _TEXT, primary_key=True),
        sa.Column("customer_id", _ROW_ID, nullable=False),
        *_columns(_TEXT, "campaign mailing subject bounce_category bounce_reason online_version_url"),
        *_columns(_INSTANT, "sent_at changed_at", nullable=False),
        *_columns(
            _INSTANT,
            "delivered_at first_opened_at last_opened_at first_machine_opened_at last_machine_opened_at "
            "first_clicked_at last_clicked_at bounced_at unsubscribed_at",
        ),
        sa.Column("opens", _INTEGER, nullable=False, server_default="0"),
        sa.Column("machine_opens", _INTEGER, nullable=False, server_default="0"),
        sa.Column("clicks", _INTEGER, nullable=False, server_default="0"),
        sa.Column("version", _INTEGER, nullable=False, server_default="1"),
        sa.Column("unsubscribe_seen", _BOOLEAN),
        sa.Index("ix_contact_moment_customer_id", "customer_id"),
        sa.Index(
            "ix_contact_moment_unsubscribed",
            "customer_id",
            **_where("unsubscribed_at IS NOT NULL AND unsubscribe_seen IS NULL"),
        ),
    )
    op.create_table(
        "moment_export",
        sa.Column("moment_id", _TEXT, primary_key=True),
        sa.Column("sobject", _TEXT, primary_key=True),
        sa.Column("customer_id", _ROW_ID, nullable=False),
        *_columns(_TEXT, "parent_id payload_fingerprint", nullable=False),
        *_columns(_TEXT, "parent_stamp content salesforce_id refusal error_code error_message"),
        *_columns(_INTEGER, "version attempts", nullable=False),
        *_columns(_INSTANT, "first_exported_at exported_at"),
        sa.Column("tried_at", _INSTANT, nullable=False),
        sa.Index("ix_moment_export_tried_at", "tried_at"),
    )


def _make_budget() -> None:
    op.create_table(
        "org_name",
        sa.Column("key", _TEXT, primary_key=True),
        sa.Column("org", _TEXT, nullable=False),
    )
    op.create_table(
        "budget_setting",
        sa.Column("org", _TEXT, primary_key=True),
        sa.Column("rules", _JSON, nullable=False),
    )
    op.create_table(
        "org_use",
        sa.Column("org", _TEXT, primary_key=True),
        *_columns(_INTEGER, "used allowed", nullable=False),
        *_columns(_INTEGER, "app_used app_allowed"),
        sa.Column("is_bursting", _BOOLEAN, nullable=False),
        sa.Column("seen_at", _INSTANT, nullable=False),
    )
    op.create_table(
        "breaker",
        sa.Column("org", _TEXT, primary_key=True),
        sa.Column("scope", _TEXT, primary_key=True),
        *_columns(_INSTANT, "closed_at until", nullable=False),
        *_columns(_TEXT, "code prober"),
        sa.Column("probe_until", _INSTANT),
    )
    op.create_table(
        "org_write_size",
        sa.Column("org", _TEXT, primary_key=True),
        sa.Column("records", _INTEGER, nullable=False),
        sa.Column("found_at", _INSTANT, nullable=False),
    )
    op.create_table(
        "backlog",
        sa.Column("org", _TEXT, primary_key=True),
        sa.Column("name", _TEXT, primary_key=True),
        *_columns(_INTEGER, "waiting grew", nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
    )
    op.create_table(
        "alert",
        sa.Column("org", _TEXT, primary_key=True),
        sa.Column("name", _TEXT, primary_key=True),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("since", _INSTANT, nullable=False),
    )

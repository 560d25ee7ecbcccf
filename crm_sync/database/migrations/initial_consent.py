"""The part of the initial migration that keeps consent: its tables, the guard of the ledger, and who may be mailed."""

import sqlalchemy as sa
from alembic import op

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INSTANT = sa.DateTime(timezone=True)
_SENTENCE = "the ledger of consent is never changed and nothing of it is deleted"
_WAITING = "delivered_at IS NULL AND ended_at IS NULL"


def make_consent() -> None:
    """Make the tables of consent, the triggers that guard the ledger, and the view of who may be mailed."""
    op.create_table(
        "consent_event",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("address_hash", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", _ROW_ID),
        *_texts("channel said kind side cause"),
        sa.Column("reference", sa.Text()),
        sa.Column("not_before", _INSTANT),
        sa.Column("not_after", _INSTANT, nullable=False),
        sa.Column("seen_at", _INSTANT, nullable=False),
        sa.Column("sync_run_id", _ROW_ID),
        sa.Index("ix_consent_event_address_hash", "address_hash"),
    )
    op.create_table(
        "address_consent",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("address_hash", sa.BigInteger(), nullable=False),
        *_texts("channel side reference cause"),
        sa.Column("since", _INSTANT, nullable=False),
        sa.Column("not_after", _INSTANT, nullable=False),
        sa.Column("seen_at", _INSTANT, nullable=False),
        sa.Index("ix_address_consent_place", "address_hash", "channel", "side", "reference", unique=True),
        sa.Index(
            "ix_address_consent_here",
            "seen_at",
            sqlite_where=sa.text("side = 'here'"),
            postgresql_where=sa.text("side = 'here'"),
        ),
    )
    op.create_table(
        "consent_candidate",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("address_hash", sa.BigInteger(), nullable=False),
        *_texts("channel side reference kind"),
        sa.Column("not_before", _INSTANT),
        sa.Column("seen_at", _INSTANT, nullable=False),
        sa.Column("held_at", _INSTANT),
        sa.Index("ix_consent_candidate_place", "address_hash", "channel", "side", "reference", unique=True),
    )
    _make_deliveries()
    _make_gaps()
    op.create_table("installation", sa.Column("name", sa.Text(), primary_key=True), *_texts("value"))
    _guard_the_ledger()
    _note_addresses()
    op.execute(_MAILABLE)


def _make_gaps() -> None:
    op.create_table(
        "consent_gap",
        sa.Column("sobject", sa.Text(), primary_key=True),
        sa.Column("channel", sa.Text(), primary_key=True),
        sa.Column("since", _INSTANT, nullable=False),
    )


def _make_deliveries() -> None:
    op.create_table(
        "consent_delivery",
        sa.Column("id", _ROW_ID, primary_key=True),
        *_texts("sobject record_id"),
        sa.Column("customer_id", _ROW_ID, nullable=False),
        *_texts("channel said"),
        sa.Column("queued_at", _INSTANT, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("error_code", sa.Text()),
        sa.Column("error_message", sa.Text()),
        sa.Column("delivered_at", _INSTANT),
        sa.Column("ended_at", _INSTANT),
        sa.Index(
            "ix_consent_delivery_waiting",
            "record_id",
            "channel",
            unique=True,
            sqlite_where=sa.text(_WAITING),
            postgresql_where=sa.text(_WAITING),
        ),
        sa.Index("ix_consent_delivery_customer_id", "customer_id"),
    )


def _texts(names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names.split()]


def _note_addresses() -> None:
    columns = (sa.Column("id", _ROW_ID, primary_key=True), sa.Column("customer_id", _ROW_ID, nullable=False))
    op.create_table("changed_address", *columns)
    note = "INSERT INTO changed_address (customer_id) VALUES (NEW.id);"
    trigger = "CREATE TRIGGER customer_address_changed AFTER UPDATE OF email_address ON customer FOR EACH ROW "
    # Capitals make no other address, and a first sync meets many that differ in nothing else.
    if op.get_bind().dialect.name == "sqlite":
        differs = "lower(OLD.email_address) IS NOT lower(NEW.email_address)"
        op.execute(f"{trigger} WHEN {differs} BEGIN {note} END")
        return
    op.execute(
        "CREATE FUNCTION note_changed_address() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {note} RETURN NULL; END $$"
    )
    # The small letters of ASCII: those of a Turkish locale are others.
    old, new = (f'lower({one}.email_address COLLATE "C")' for one in ("OLD", "NEW"))
    op.execute(f"{trigger} WHEN ({old} IS DISTINCT FROM {new}) EXECUTE FUNCTION note_changed_address()")


def _guard_the_ledger() -> None:
    if op.get_bind().dialect.name == "sqlite":
        # INSERT OR REPLACE deletes the row that was there, and fires no trigger about that.
        replaced = "INSERT ON consent_event WHEN EXISTS (SELECT 1 FROM consent_event WHERE id = NEW.id)"
        for when in ("UPDATE ON consent_event", "DELETE ON consent_event", replaced):
            name = f"consent_event_no_{when.partition(' ')[0].lower()}"
            op.execute(f"CREATE TRIGGER {name} BEFORE {when} BEGIN SELECT RAISE(ABORT, '{_SENTENCE}'); END")
        return
    op.execute(
        "CREATE FUNCTION refuse_change_of_consent() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_SENTENCE}'; END $$"
    )
    for when in ("UPDATE OR DELETE ON consent_event FOR EACH ROW", "TRUNCATE ON consent_event FOR EACH STATEMENT"):
        name = "consent_event_no_truncate" if when.startswith("TRUNCATE") else "consent_event_no_change"
        op.execute(f"CREATE TRIGGER {name} BEFORE {when} EXECUTE FUNCTION refuse_change_of_consent()")


# In plain SQL, so that a marketer can read it: the first reason that holds, or none.
_MAILABLE = """
CREATE VIEW customer_mailable AS
SELECT id AS customer_id, email_address, reason IS NULL AS is_mailable, reason
FROM (
    SELECT customer.id, customer.email_address,
        CASE
            WHEN customer.email_address IS NULL OR customer.email_address = '' THEN 'no e-mail address'
            WHEN customer.merged_into_customer_id IS NOT NULL THEN 'joined to another customer'
            WHEN lower(customer.status) = 'blacklist' THEN 'on the blacklist'
            WHEN EXISTS (
                SELECT 1 FROM address_consent
                WHERE address_consent.address_hash = customer.address_hash AND address_consent.channel = 'email'
            ) THEN 'said no'
            WHEN EXISTS (
                SELECT 1 FROM contact_moment
                WHERE contact_moment.customer_id = customer.id AND contact_moment.unsubscribed_at IS NOT NULL
                    AND contact_moment.unsubscribe_seen IS NULL
            ) THEN 'said no'
            WHEN EXISTS (
                SELECT 1 FROM consent_gap
                WHERE consent_gap.sobject = customer.salesforce_object AND consent_gap.channel = 'email'
            ) THEN 'Salesforce no longer shows who said no'
            WHEN customer.opt_in IS NULL THEN 'no consent is known'
            WHEN NOT customer.opt_in THEN 'said no'
            WHEN customer.mail_status = 'INACTIVE' THEN 'mail status is inactive'
        END AS reason
    FROM customer
) AS judged
"""

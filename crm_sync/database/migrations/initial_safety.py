"""The part of the initial migration that keeps harm away: records that wait, old values, and who was erased."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INSTANT = sa.DateTime(timezone=True)
# A function of SQLite takes 127 arguments at most.
_MEMBERS_AT_ONCE = 50
_JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def make_safety() -> None:
    """Make the tables, and the trigger that keeps what customers were."""
    op.create_table(
        "held_record",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("sobject", sa.Text(), nullable=False),
        sa.Column("unique_key", sa.Text()),
        sa.Column("system_modstamp", _INSTANT, nullable=False),
        sa.Column("is_deleted", sa.Boolean(), nullable=False),
        sa.Column("is_converted", sa.Boolean(), nullable=False),
        sa.Column("converted_contact_id", sa.Text()),
        sa.Column("master_record_id", sa.Text()),
        sa.Column("field_values", _JSON, nullable=False),
        sa.Column("address_hash", sa.BigInteger()),
        sa.Column("says_no_email", sa.Boolean()),
        sa.Column("says_no_sms", sa.Boolean()),
        sa.Column("customer_id", _ROW_ID, nullable=False),
        sa.Column("effects", sa.Text(), nullable=False),
        sa.Column("held_at", _INSTANT, nullable=False),
    )
    op.create_table(
        "let_through",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("effect", sa.Text(), nullable=False),
        sa.Column("customers", sa.Integer(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
    )
    op.create_table(
        "customer_history",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("customer_id", _ROW_ID, nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("was", _JSON, nullable=False),
        sa.Index("ix_customer_history_at", "at"),
        sa.Index("ix_customer_history_customer_id", "customer_id"),
    )
    for name, key in (("erased", "hash"), ("erased_customer", "id")):
        op.create_table(
            name,
            sa.Column(key, sa.BigInteger(), primary_key=True, autoincrement=False),
            sa.Column("at", _INSTANT, nullable=False),
        )
    _keep_old_values()


def _keep_old_values() -> None:
    """What a run changes again, with the same moment, is known from its first change."""
    into = "INSERT INTO customer_history (customer_id, at, was) VALUES (OLD.id, NEW.modified_at, {was});"
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION keep_old_values() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {into.format(was='jsonb_strip_nulls(to_jsonb(OLD))')} RETURN NULL; END $$"
        )
        op.execute(
            "CREATE TRIGGER customer_keeps_old_values AFTER UPDATE ON customer FOR EACH ROW "
            "WHEN (OLD.modified_at IS DISTINCT FROM NEW.modified_at) EXECUTE FUNCTION keep_old_values()"
        )
        return
    names = [column["name"] for column in sa.inspect(op.get_bind()).get_columns("customer")]
    # An empty object, patched with the values: a patch leaves out what is empty.
    was = "char(123, 125)"
    for start in range(0, len(names), _MEMBERS_AT_ONCE):
        some = names[start : start + _MEMBERS_AT_ONCE]
        members = (f"'{name}', {'json(OLD.options)' if name == 'options' else f'OLD.{name}'}" for name in some)
        was = f"json_patch({was}, json_object({', '.join(members)}))"
    op.execute(
        "CREATE TRIGGER customer_keeps_old_values AFTER UPDATE ON customer "
        "WHEN OLD.modified_at IS NOT NEW.modified_at "
        f"BEGIN {into.format(was=was)} END"
    )

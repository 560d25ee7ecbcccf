"""Stores by which output each member left the step, together with what Salesforce is now known to have."""

from datetime import datetime

import pandas as pd
from sqlalchemy import BigInteger, ColumnElement, Connection, and_, func, literal, select, update

from crm_sync.database.confirmed_values import store_confirmed_values
from crm_sync.database.staging import stage
from crm_sync.database.tables.campaigns import campaign_member, campaign_output
from crm_sync.database.tables.customers import Instant
from crm_sync.push.queue_store import Queue
from crm_sync.push.result import Output

_NUMBERS = {"member_id": campaign_member.c.id.type, "customer_id": campaign_member.c.customer_id.type}
_TEXTS = ["output", "salesforce_id", "error_code", "error_message"]


def store_outputs(
    connection: Connection, queue: Queue, outputs: pd.DataFrame, confirmed: pd.DataFrame, *, run: int, now: datetime
) -> list[int]:
    """Store outputs and what Salesforce has accepted; return the `member_id`s whose output this is.

    `outputs`: `member_id`, `customer_id` (numbers), `output`, `salesforce_id`, `error_code`, `error_message` (text).
    `confirmed`: `id`, `field_values` (JSON object text of the fields that were sent), one row a record. A member that
    another run has taken over meanwhile keeps that run's output. SystemModstamp stays as it is: the next pull, which
    reads the record again, finds what is stored here, and leaves a customer alone who has changed since.
    """
    staged = stage(connection, "staged_output", outputs[[*_NUMBERS, *_TEXTS]], _NUMBERS)
    is_mine = and_(
        campaign_member.c.id == staged.c.member_id,
        campaign_member.c.claimed_by == run,
        campaign_member.c.done_at.is_(None),
    )
    source = select(
        staged.c.member_id,
        literal(run, BigInteger),
        literal(queue.campaign_id, BigInteger),
        literal(queue.step),
        staged.c.customer_id,
        *(staged.c[name] for name in _TEXTS),
        literal(now, Instant()),
    ).join(campaign_member, is_mine)
    names = ["member_id", "sync_run_id", "campaign_id", "step", "customer_id", *_TEXTS, "at"]
    connection.execute(campaign_output.insert().from_select(names, source))
    done = update(campaign_member).values(done_at=now).where(is_mine).returning(campaign_member.c.id)
    stored = list(connection.scalars(done))
    store_confirmed_values(connection, confirmed, now)
    return stored


def find_outputs(connection: Connection, queue: Queue, which: str, *, run: int | None = None) -> list[int]:
    """Return the customers whose last output of this step is `limit`, `error`, or an error of the code `which`.

    `run`: only those whose last output was stored by this run.
    """
    newest = select(func.max(campaign_output.c.id)).where(_of(queue)).group_by(campaign_output.c.customer_id)
    column = campaign_output.c.output if which in {Output.LIMIT, Output.ERROR} else campaign_output.c.error_code
    query = select(campaign_output.c.customer_id).where(campaign_output.c.id.in_(newest), column == which)
    if run is not None:
        query = query.where(campaign_output.c.sync_run_id == run)
    return list(connection.scalars(query))


def read_error_codes(connection: Connection, queue: Queue) -> list[str]:
    """Return the codes by which customers have left this step."""
    code = campaign_output.c.error_code
    return sorted(connection.scalars(select(code).where(_of(queue), code.is_not(None)).distinct()))


def read_output_runs(connection: Connection, queue: Queue) -> list[int]:
    """Return the runs that have stored outputs of this step, the newest first."""
    query = select(campaign_output.c.sync_run_id).where(_of(queue)).distinct()
    return sorted(connection.scalars(query), reverse=True)


def _of(queue: Queue) -> ColumnElement[bool]:
    return and_(campaign_output.c.campaign_id == queue.campaign_id, campaign_output.c.step == queue.step)

"""What time does to closed breakers, without waiting for it."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import create_engine, update

from crm_sync.database.engine import parse_url
from crm_sync.database.tables.budget import breaker
from tests.rigs.org import Rig


def let_the_pause_pass(rig: Rig) -> None:
    """Let the time until which breakers are closed be over; the next request tries."""
    engine = create_engine(parse_url(rig.customers.url.get_secret_value()))
    with engine.begin() as connection:
        connection.execute(update(breaker).values(until=datetime.now(UTC) - timedelta(seconds=1)))
    engine.dispose()

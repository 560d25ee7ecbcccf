"""What runs were forecast to take in requests, beside what they took."""

from collections.abc import Iterable, Mapping

from rich.console import Console
from sqlalchemy import create_engine, select

from crm_sync.database.engine import parse_url
from crm_sync.database.tables.customers import sync_run

_REQUESTS, _SHARE = 3, 0.1


def last_forecast(database_url: str) -> int | None:
    """Return what the last run was forecast to take, None for a run that makes no forecast."""
    engine = create_engine(parse_url(database_url))
    newest = select(sync_run.c.requests_forecast).order_by(sync_run.c.id.desc()).limit(1)
    with engine.connect() as connection:
        forecast: int | None = connection.scalars(newest).one()
    engine.dispose()
    return forecast


def print_errors(runs: Iterable[Mapping[str, float | None]]) -> bool:
    """Print the largest error of the runs that have a `forecast` (and `requests`); tell whether it is small enough."""
    errors = [
        (abs(forecast - made), made)
        for run in runs
        if (forecast := run.get("forecast")) is not None and (made := run.get("requests")) is not None
    ]
    far = [error for error, made in errors if error > max(_REQUESTS, _SHARE * made)]
    most = max((error for error, _ in errors), default=0)
    Console(width=120).print(
        f"Forecasts of {len(errors)} runs: at most {most:.0f} requests off; {len(far)} more than {_REQUESTS} requests "
        f"and {_SHARE:.0%} off."
    )
    return not far

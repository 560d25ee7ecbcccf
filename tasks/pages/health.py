"""The page from which the others hang: whether all is well, for whoever looks once a day."""

from dataclasses import astuple, replace
from datetime import datetime
from itertools import chain

from crm_sync.consent.deployteq_store import read_waiting_noes
from crm_sync.database.engine import CustomerDatabase
from crm_sync.runs.health_store import Health, read_health
from crm_sync.runs.states import RunState
from tasks.pages.charts import bar_chart
from tasks.pages.markdown import Markdown, heading, link_to_page, publish_page, table

_NAMES = {
    "full_sync": ("Salesforce → here, all records", "full-sync-summary"),
    "incremental_pull": ("Salesforce → here, changes", "incremental-pull-summary"),
    "campaign_push": ("here → Salesforce, campaigns", "campaign-push-summary"),
    "contact_moment_export": ("here → Salesforce, contact moments", "contact-moment-export-summary"),
    "deployteq_exchange": ("here ↔ Deployteq, changes and opt-outs", "deployteq-exchange"),
    "deployteq_reconcile": ("Deployteq → here, all customers", "deployteq-pairing"),
}
_PAGES = {
    "activity": "the last runs, and what waits",
    "consent": "who said no, and whether Salesforce knows",
    "api-budget": "the requests made and left",
    "connection": "the login, the org and the mapped fields",
}
# Only there when something of the kind is; by what waits for it.
_LISTS = {
    "records from Salesforce": {"full-sync-rejected-records": "records that could not be used"},
    "contact moments": {"contact-moment-export-refused": "contact moments that Salesforce refused"},
    "customers with changes": {
        "full-sync-held-back": "what a full sync held back",
        "incremental-pull-held-back": "what a pull held back",
    },
    "people to be mailed again": {"consent-held-back": "people who said no, and would be mailed again"},
}


def publish_health(database: CustomerDatabase, now: datetime, *, with_account: bool) -> None:
    """Leave the page as things stand now; `with_account`: a Deployteq account is connected."""
    with database.transaction() as connection:
        health = read_health(connection, now, with_account=with_account)
        if health.in_deployteq is not None:
            noes = read_waiting_noes(connection).number
            health = replace(health, waiting={**health.waiting, "opt-outs not in Deployteq yet": noes})
    days = {f"{on:%a %d %b}": day for on, day in sorted(health.days.items())}
    publish_page(
        "health",
        "Health",
        health.sentence(now),
        table(("direction", "last succeeded (UTC)", "last run (UTC)", "ended as"), _directions(health)),
        heading("There and here"),
        table(("", "there", "here"), _sides(health)),
        heading("What waits, was refused, or is held back"),
        table(("", "waiting", "refused", "held back"), _waiting(health)),
        heading("The last days"),
        table(
            ("day (UTC)", "read", "changed here", "pushed", "moments", "requests", "wait at its end"),
            [(name, *astuple(day)) for name, day in days.items()],
        ),
        bar_chart(
            "day (UTC)", "changed here or pushed", {name: day.changed + day.pushed for name, day in days.items()}
        ),
        heading("More pages"),
        table(("page", "shows"), [(link_to_page(key), said) for key, said in _pages(health).items()]),
        Markdown(f"As of {now:%Y-%m-%d %H:%M} UTC."),
    )


def _pages(health: Health) -> dict[str, str]:
    numbers = {**health.refused, **health.held}
    return _PAGES | {key: said for name, pages in _LISTS.items() if numbers.get(name) for key, said in pages.items()}


def _directions(health: Health) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for one in health.directions:
        name, page = _NAMES[one.flow]
        held = " (held back)" if one.last_state == RunState.NEEDS_APPROVAL else ""
        shown = link_to_page(page, name) if one.last_at else name
        rows.append((shown, _moment(one.succeeded_at), _moment(one.last_at), f"{one.last_state}{held}"))
    return rows


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else "not yet"


def _sides(health: Health) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = [
        (f"{sobject}s in Salesforce, as last read", number, None) for sobject, number in health.records.items()
    ]
    if health.in_deployteq is not None:
        rows.append(("customers in Deployteq, as last read", health.in_deployteq, None))
    rows.append(("customers", None, health.customers - health.joined))
    return [*rows, ("joined to another customer", None, health.joined)]


def _waiting(health: Health) -> list[tuple[object, ...]]:
    sides = (health.waiting, health.refused, health.held)
    return [(name, *(side.get(name) for side in sides)) for name in dict.fromkeys(chain(*sides))]

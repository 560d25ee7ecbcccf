"""The pages of consent: how it stands for all, and the proof of one person; none of them holds a personal value."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from crm_sync.consent.overview_store import ConsentOverview, read_overview
from crm_sync.consent.proof_store import ConsentChain
from crm_sync.database.engine import CustomerDatabase
from tasks.pages.markdown import Markdown, heading, publish_page, table


def refresh_consent_page(database: CustomerDatabase, now: datetime) -> None:
    """Leave the page of consent as things stand now."""
    with database.transaction() as connection:
        overview = read_overview(connection, now)
    publish_consent(overview)


def publish_consent(overview: ConsentOverview) -> None:
    """Leave the page of consent: the noes, what is under way, and what is not known any more."""
    day, week = overview.said
    facts = [
        ("Addresses at no", overview.standing),
        ("Noes seen in the last 24 hours", day),
        ("Noes seen in the last 7 days", week),
        ("Withdrawals not in Salesforce yet", overview.waiting.number),
        ("of these refused", overview.waiting.refused),
        ("Yeses that wait to be judged", overview.candidates),
    ]
    publish_page(
        "consent",
        "Consent",
        overview.sentence(),
        table(("", "number"), facts),
        _part("What Salesforce refuses", ("code", "withdrawals"), overview.refusals),
        _part("Not known any more", ("object", "channel", "since"), [list(map(_shown, gap)) for gap in overview.gaps]),
    )


def publish_held_back(waiting: pd.DataFrame) -> None:
    """Leave the whole list of those whose yes was held back, as ids: a person reads it before approving it."""
    publish_page(
        "consent-held-back",
        "Yeses held back",
        f"{len(waiting):,} yeses wait: more at once than usual. Tick 'Approve changes' in the form of the next "
        "pull if they are meant.",
        _part("Who would be mailed again", tuple(waiting.columns), _rows(waiting)),
    )


def publish_proof(chain: ConsentChain) -> str:
    """Leave the chain of one person's consent, and return the sentence of the page."""
    sentence = _verdict(chain)
    publish_page(
        "consent-proof",
        "Consent of one person",
        sentence,
        _part("Customers", tuple(chain.customers.columns), _rows(chain.customers)),
        _part("Noes that stand", tuple(chain.standing.columns), _rows(chain.standing)),
        _part("What was said", tuple(chain.events.columns), _rows(chain.events)),
        _part("Yeses that wait to be judged", tuple(chain.candidates.columns), _rows(chain.candidates)),
        _part("Written to Salesforce", tuple(chain.deliveries.columns), _rows(chain.deliveries)),
    )
    return sentence


def _verdict(chain: ConsentChain) -> str:
    if not chain.is_known:
        return "Nothing is known of this person: no customer, and nothing was ever said."
    reasons = sorted(set(chain.customers["reason"].dropna()))
    if len(chain.customers) and not reasons:
        return "This person may be mailed."
    why = f": {', '.join(reasons)}" if reasons else ""
    waiting = int((chain.deliveries["delivered_at"].isna() & chain.deliveries["ended_at"].isna()).sum())
    under_way = f"; {waiting} withdrawals are on their way to Salesforce" if waiting else ""
    return f"This person may not be mailed{why}{under_way}."


def _part(title: str, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> Markdown:
    named = [name.replace("_", " ") for name in header]
    return Markdown(f"{heading(title)}\n\n{table(named, rows)}") if rows else Markdown()


def _rows(frame: pd.DataFrame) -> list[list[object]]:
    """Return the rows as they are shown: moments to the minute, and nothing where there is nothing."""
    return [[_shown(value) for value in row] for row in frame.astype("object").itertuples(index=False)]


def _shown(value: Any) -> object:
    if value is None or value != value:  # noqa: PLR0124  # NaN and NaT are not themselves
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:%Y-%m-%d %H:%M} UTC" if hasattr(value, "strftime") else str(value)

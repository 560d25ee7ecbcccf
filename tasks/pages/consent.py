"""The pages of consent: how it stands for all, and the proof of one person; none of them holds a personal value."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from crm_sync.consent.overview_store import ConsentOverview, read_overview
from crm_sync.consent.proof_store import ConsentChain
from crm_sync.consent_words import Side
from crm_sync.database.engine import CustomerDatabase
from tasks.pages.markdown import Markdown, heading, publish_page, table

_SIDES = {Side.SALESFORCE.value: "Salesforce", Side.DEPLOYTEQ.value: "Deployteq"}


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
        _part(
            "Not known any more",
            ("object", "channel", "since (UTC)"),
            [(sobject, channel, _moment(since)) for sobject, channel, since in overview.gaps],
        ),
    )


def publish_held_back(waiting: pd.DataFrame) -> None:
    """Leave the whole list of those whose yes was held back, as ids: a person reads it before approving it."""
    publish_page(
        "consent-held-back",
        "Yeses held back",
        f"{len(waiting):,} yeses wait: more at once than usual. Tick 'Approve changes' in the form of the next "
        "pull if they are meant.",
        _part(
            "Who would be mailed again",
            ("customer", "yes to", "said at", "seen (UTC)"),
            [
                (_text(one.customer_id), one.channel, _place(one.side, one.record), _moment(one.seen_at))
                for one in _rows(waiting)
            ],
        ),
    )


def publish_proof(chain: ConsentChain) -> str:
    """Leave the chain of one person's consent, and return the sentence of the page."""
    sentence = _verdict(chain)
    publish_page(
        "consent-proof",
        "Consent of one person",
        sentence,
        _part("Customers", ("customer", "may be mailed", "why not"), _customers(chain)),
        _part("Noes that stand", ("no to", "said at", "how", "since (UTC)", "seen (UTC)"), _standing(chain)),
        _part("Everything that was said", ("said", "at", "how", "when (UTC)", "seen (UTC)", "run"), _events(chain)),
        _part("Yeses that wait to be judged", ("yes to", "said at", "by", "seen (UTC)"), _candidates(chain)),
        _part(
            "Written to Salesforce",
            ("written", "record", "queued (UTC)", "there since (UTC)", "tries", "refused with"),
            _deliveries(chain),
        ),
    )
    return sentence


def _customers(chain: ConsentChain) -> list[tuple[Any, ...]]:
    return [(_text(one.customer_id), "yes" if one.is_mailable else "no", one.reason) for one in _rows(chain.customers)]


def _standing(chain: ConsentChain) -> list[tuple[Any, ...]]:
    return [
        (one.channel, _place(one.side, one.reference), one.cause, _moment(one.since), _moment(one.seen_at))
        for one in _rows(chain.standing)
    ]


def _events(chain: ConsentChain) -> list[tuple[Any, ...]]:
    return [
        (
            f"{one.said} to {one.channel}",
            _place(one.side, one.reference),
            f"{one.cause}, {one.kind}",
            _span(one.not_before, one.not_after),
            _moment(one.seen_at),
            _text(one.sync_run_id),
        )
        for one in _rows(chain.events)
    ]


def _candidates(chain: ConsentChain) -> list[tuple[Any, ...]]:
    return [
        (one.channel, _place(one.side, one.reference), one.kind, _moment(one.seen_at))
        for one in _rows(chain.candidates)
    ]


def _deliveries(chain: ConsentChain) -> list[tuple[Any, ...]]:
    return [
        (
            f"{one.said} to {one.channel}",
            one.record_id,
            _moment(one.queued_at),
            _moment(one.delivered_at) or ("not needed any more" if one.ended_at else "not yet"),
            _text(one.tries),
            one.error_code,
        )
        for one in _rows(chain.deliveries)
    ]


def _verdict(chain: ConsentChain) -> str:
    if not chain.is_known:
        return "Nothing is known of this person: no customer, and nothing was ever said."
    reasons = sorted(set(chain.customers.loc[chain.customers["is_own"].astype("bool"), "reason"].dropna()))
    if len(chain.customers) and not reasons:
        return "This person may be mailed."
    why = f": {', '.join(reasons)}" if reasons else ""
    waiting = int((chain.deliveries["delivered_at"].isna() & chain.deliveries["ended_at"].isna()).sum())
    under_way = f"; {waiting} withdrawals are on their way to Salesforce" if waiting else ""
    return f"This person may not be mailed{why}{under_way}."


def _part(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> Markdown:
    return Markdown(f"{heading(title)}\n\n{table(header, rows)}") if rows else Markdown()


def _rows(frame: pd.DataFrame) -> list[Any]:
    """Return the rows by the names of their columns; None where there is nothing."""
    return [*frame.astype("object").where(frame.notna(), None).itertuples(index=False)]


def _text(number: float | None) -> str | None:
    """Return a number of a row, which is no quantity."""
    return None if number is None else str(int(number))


def _place(side: str, reference: str | None) -> str:
    """Return where something was said: the side, and the record there."""
    return f"{_SIDES.get(side, side)} {reference or ''}".rstrip()


def _moment(value: datetime | None) -> str:
    return f"{value:%Y-%m-%d %H:%M}" if value else ""


def _span(earliest: datetime | None, latest: datetime | None) -> str:
    """Return between which moments something was said, as far as it is known."""
    return " to ".join(filter(None, [_moment(earliest), _moment(latest)]))

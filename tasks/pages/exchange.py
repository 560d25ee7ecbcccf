"""The pages of the exchange with Deployteq."""

from collections.abc import Sequence

from crm_sync.exchange.probe_store import Finding
from crm_sync.exchange.summary import ExchangeSummary, PairingSummary
from tasks.pages.markdown import bullets, heading, publish_page, table


def publish_exchange(summary: ExchangeSummary) -> None:
    """Leave what a run collected, wrote and delivered, and what it could not."""
    delivered, consent, collected = summary.delivered, summary.consent, summary.collected
    facts = [
        ("members of the outbox group", collected.members),
        ("opted out, looked at in the hourly sweep", collected.swept),
        ("opt-outs written to Deployteq", consent.noes),
        ("people mailed again, by a later yes", consent.yeses),
        ("customers made in Deployteq", delivered.made),
        ("customers updated in Deployteq", delivered.updated),
        ("customers with values taken from Deployteq", delivered.taken),
        ("customers whose changes go on to Salesforce, by the campaign", delivered.to_salesforce),
        ("fields changed on both sides, where Salesforce wins", delivered.conflicts),
        ("customers gone from Deployteq, not made again", delivered.gone),
        ("customers deleted in Deployteq, let go by choice to be made again", delivered.again),
        ("customers put into the group of joined ones", delivered.grouped),
        ("customers with characters left out that XML cannot hold", delivered.cleaned),
        ("new customers found in Deployteq by their address, and paired", delivered.found),
        ("new customers that wait for a person", delivered.waiting),
        ("new customers not answered in time, looked for by a later run", delivered.in_doubt),
        ("customers that wait for a person, for values emptied in Deployteq", delivered.held),
        ("calls", summary.calls),
        ("calls of the delivery", delivered.calls),
        ("calls of the delivery, as forecast", delivered.calls_forecast),
    ]
    # Of all that may happen, most does not.
    facts = [(name, number) for name, number in facts if number] or [("customers", 0)]
    refused = [(code, number) for code, number in sorted(delivered.refused.items())]
    left_out, problems = sorted(delivered.left_out.items()), [*summary.problems]
    if summary.unknown_fields:
        problems.append(f"Deployteq's customers have fields that are new: {', '.join(sorted(summary.unknown_fields))}.")
    publish_page(
        "deployteq-exchange",
        "Deployteq exchange",
        summary.sentence(),
        table(("", "number"), facts),
        table(("field changed in Deployteq, only reported", "customers"), sorted(delivered.reported.items())),
        heading("Refused or left out" if refused or left_out else "Nothing was refused or left out"),
        table(("refused, by code", "customers"), refused),
        table(("field left out, for its value does not fit", "customers"), left_out),
        bullets(problems),
    )


def publish_pairing(summary: PairingSummary, findings: Sequence[Finding]) -> None:
    """Leave who is who, what was measured, and what the first delivery takes."""
    found = summary.account.figures
    facts = [
        ("customers in Deployteq", found.there),
        ("paired with a customer here", found.paired),
        *((f"of them now, by {way}", number) for way, number in summary.account.paired.by_way.items() if number),
        ("doubles: several there that are one customer here", found.doubles),
        ("customers here that wait, for none of several there is paired", found.undecided),
        ("several customers here that one there could be", summary.account.paired.unclear),
        ("only in Deployteq; left alone", found.only_there),
        ("only here; made by the first delivery", found.only_here),
        ("no there and yes here; stopped here too", found.no_there_yes_here),
        ("yes there and no here; stopped there too", found.yes_there_no_here),
        ("missing since the last reading", summary.account.missing.number),
        ("deleted in Deployteq, for they were missing twice", summary.account.missing.deleted),
        ("calls", summary.calls),
        ("calls to read all, as forecast", summary.forecast.calls),
        *([("calls of the first delivery", summary.first_delivery_calls)] if summary.first_delivery_calls else []),
    ]
    measured = [(one.question, one.words, "" if one.is_safe else "nothing is delivered") for one in findings]
    numbers = ", ".join(map(str, summary.account.deleted))
    too_long = sorted(summary.account.too_long.items())
    publish_page(
        "deployteq-pairing",
        "Deployteq pairing",
        summary.sentence(),
        table(("", "people"), facts),
        table(("field that does not fit", "customers to be delivered"), too_long),
        *((heading("Deleted in Deployteq, not made again"), bullets([numbers])) if numbers else ()),
        *((heading("Measured"), table(("question", "answer", ""), measured)) if measured else ()),
    )

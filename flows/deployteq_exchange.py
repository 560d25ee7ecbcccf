"""Every ten minutes, with a Deployteq account: opt-outs and changes from there, what differs to there."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

from blocks.customer_database import CustomerDatabase
from blocks.data_mapping import DataMapping
from blocks.deployteq_account import DeployteqAccount
from blocks.deployteq_delivery import DeployteqDelivery
from blocks.load import load_block
from blocks.salesforce_credentials import SalesforceCredentials
from crm_sync.errors import PersonNeededError, SyncError
from crm_sync.exchange.collection import Collected
from crm_sync.exchange.exchange import Exchange
from crm_sync.exchange.summary import ExchangeSummary
from crm_sync.mapping.model import MappingRules
from tasks.exchange.opening import open_exchange
from tasks.exchange.steps import (
    collect_changes,
    deliver_customers,
    enter_again,
    or_note,
    write_consent,
    write_withdrawals,
)
from tasks.pages.budget import refresh_budget_quietly
from tasks.pages.exchange import publish_exchange
from tasks.run.ending import end_in_a_sentence
from tasks.run.flow import Number, flow, run_name
from tasks.run.run import Run, open_run

_FLOW = "deployteq_exchange"
_REFRESH = partial(refresh_budget_quietly, with_account=True)
EVERY = timedelta(minutes=10)


@flow(name=_FLOW, flow_run_name=lambda: run_name("Deployteq exchange"))
def deployteq_exchange(
    salesforce: SalesforceCredentials | str = "salesforce",
    database: CustomerDatabase | str = "customers",
    mapping: DataMapping | str = "mapping",
    account: DeployteqAccount | str = "deployteq",
    delivery: DeployteqDelivery | str = "deployteq-delivery",
    *,
    dry_run: bool = False,
    approve_changes: bool = False,
    make_again: list[Number] = [],  # noqa: B006  # the form shows it; never changed
) -> ExchangeSummary:
    """Collect opt-outs and changes from Deployteq, pass opt-outs on to Salesforce, deliver what differs to Deployteq.

    A no is never undone by it, and no side waits for the other. Running it again changes nothing.

    Args:
        salesforce: Salesforce credentials, a saved block or its name.
        database: Customer database, a saved block or its name.
        mapping: Data mapping, a saved block or its name.
        account: Deployteq account, a saved block or its name.
        delivery: Deployteq delivery, a saved block or its name.
        dry_run: Say how many customers would be made and updated, and in how many calls; write nothing.
        approve_changes: Go on after the first customers, with more new ones at once than usual, or with values that
            somebody emptied for many in Deployteq.
        make_again: Numbers of customers that were deleted in Deployteq, and that you want there again, with what
            stands here of their consent; deployteq-pairing shows them. It may have been an erasure.
    """

    def exchange() -> ExchangeSummary:
        rules = load_block(DataMapping, mapping).rules()
        with (
            open_run(_FLOW, salesforce, database, while_closed=True, while_away=True, at_end=_REFRESH) as run,
            open_exchange(run, rules, _FLOW, account, delivery) as opened,
        ):
            problems: list[SyncError] = []
            done = ExchangeSummary(dry_run=dry_run)
            if not dry_run:
                done = _both_ways(run, rules, opened, problems)
            if not done.is_cut:
                done = _deliver(opened, done, approved=approve_changes, again=make_again)
            done = replace(done, calls=opened.account.calls, unknown_fields=frozenset(opened.account.unknown_fields))
            publish_exchange(done)
            for problem in problems:
                raise problem
            run.end(done.state)
        return done

    return end_in_a_sentence(exchange, every=EVERY)


def _both_ways(run: Run, rules: MappingRules, opened: Exchange, problems: list[SyncError]) -> ExchangeSummary:
    """Collect, and write the noes of either side to the other; the problem of one keeps nothing back on the other."""
    collected = or_note(lambda: collect_changes(opened), Collected(), problems)
    is_cut = bool(problems)
    or_note(lambda: write_withdrawals(run, rules), None, problems)
    consent = write_consent(opened)
    enter_again(run, opened)
    for problem in problems:
        collected.problems.add(str(problem))
    return ExchangeSummary(collected, consent, is_cut=is_cut)


def _deliver(opened: Exchange, done: ExchangeSummary, *, approved: bool, again: list[int]) -> ExchangeSummary:
    try:
        delivered = deliver_customers(opened, approved=approved, dry_run=done.dry_run, again=again)
    except PersonNeededError as needed:
        return replace(done, person_needed=str(needed))
    return replace(done, delivered=delivered)

"""What was changed in Deployteq goes on to Salesforce by a campaign, and comes back by nothing."""

from typing import Any

import pytest

from blocks.salesforce_synchronize import SalesforceSynchronize
from crm_sync.database.tables.campaigns import campaign_output
from crm_sync.exchange.settings import ChangesThere, ExchangeSettings
from crm_sync.push.queue_store import STEP
from flows.campaign_push import campaign_push
from flows.incremental_pull import incremental_pull
from standins.deployteq.people import People
from standins.salesforce.http.faults import Fault
from tests.deployteq.both import DAY_IS_OVER, Both
from tests.rigs.breakers import let_the_pause_pass

pytestmark = pytest.mark.flow

_IDLE = ["group_getMembers", "resource_getById", "resource_getById", "resource_free"]


@pytest.fixture(autouse=True)
def _sends(both: Both) -> None:
    both.delivery.changes_there = ChangesThere.SEND


def _push(both: Both) -> str:
    step = SalesforceSynchronize(fields=["Title", "LastName"])
    return str(campaign_push(both.delivery.campaign, settings=step, **both.org.blocks(), return_state=True).name)


def _outputs(both: Both) -> list[Any]:
    return [row["output"] for row in both.org.rows(campaign_output)]


def _echoes(both: Both) -> list[str]:
    """Return the calls to Deployteq of a pull and an exchange, and the customers that they change."""
    both.brand.journal.clear()
    before = both.here(both.ann)["modified_at"]
    assert (both.state(incremental_pull), both.state()) == ("Completed", "Completed")
    assert both.here(both.ann)["modified_at"] == before
    return both.brand.journal


@pytest.mark.both
def test_a_change_there_is_pushed_once_and_nothing_comes_back(both: Both, people: People) -> None:
    assert ExchangeSettings().step == STEP
    people.change(both.there(both.ann)["id"], jobTitle="Chief", city="Urk")
    city = both.record(both.ann)["MailingCity"]
    assert (both.state(), both.here(both.ann)["job_title"]) == ("Completed", "Chief")
    assert (_push(both), both.record(both.ann)["Title"]) == ("Completed", "Chief")
    # Only what the step names goes on.
    assert (both.record(both.ann)["MailingCity"], both.here(both.ann)["city"]) == (city, "Urk")
    assert _echoes(both) == _IDLE
    both.org.org.journal.clear()
    assert (_push(both), both.org.requests(), _outputs(both)) == ("Completed", [], ["success"])


@pytest.mark.parametrize("comes_first", ["push", "pull"])
def test_what_salesforce_changed_meanwhile_stays_and_goes_to_deployteq(
    both: Both, people: People, comes_first: str
) -> None:
    people.change(both.there(both.ann)["id"], jobTitle="Chief")
    assert both.state() == "Completed"
    both.org.org.records.update("Contact", both.here(both.ann)["salesforce_id"], {"Title": "Boss"})
    if comes_first == "pull":
        assert both.state(incremental_pull) == "Completed"
    assert (_push(both), both.state(incremental_pull), both.state()) == (
        "CompletedWithErrors" if comes_first == "push" else "Completed",
        "Completed",
        "Completed",
    )
    held = (both.record(both.ann)["Title"], both.here(both.ann)["job_title"], both.there(both.ann)["jobTitle"])
    assert held == ("Boss", "Boss", "Boss")
    assert _echoes(both) == _IDLE


def test_a_limit_keeps_a_change_only_until_it_is_over(both: Both, people: People) -> None:
    people.change(both.there(both.ann)["id"], jobTitle="Chief")
    assert both.state() == "Completed"
    both.org.org.faults.add(Fault("status", path="/composite", status=403, body=DAY_IS_OVER))
    assert (_push(both), _outputs(both)) == ("CutByLimit", ["limit"])
    # Nobody enters while it lasts.
    assert (both.state(), _push(both), _outputs(both)) == ("Completed", "Completed", ["limit"])
    let_the_pause_pass(both.org)
    assert (both.state(), _push(both), _outputs(both)) == ("Completed", "Completed", ["limit", "success"])
    assert both.record(both.ann)["Title"] == "Chief"
    assert _echoes(both) == _IDLE


def test_what_salesforce_refuses_leaves_by_error_and_the_next_change_goes_all_the_same(
    both: Both, people: People
) -> None:
    number = both.there(both.ann)["id"]
    people.change(number, lastname="")
    assert (both.state(), _push(both), _outputs(both)) == ("Completed", "CompletedWithErrors", ["error"])
    assert both.record(both.ann)["LastName"]
    assert _echoes(both) == _IDLE
    people.change(number, lastname="Neu", jobTitle="Chief")
    assert (both.state(), _push(both), _outputs(both)) == ("Completed", "Completed", ["error", "success"])
    assert (both.record(both.ann)["LastName"], both.record(both.ann)["Title"]) == ("Neu", "Chief")
    assert _echoes(both) == _IDLE

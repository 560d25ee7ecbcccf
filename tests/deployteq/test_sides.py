"""One side is away, or takes no more: the part of the other is done, and a run that left something is not green."""

import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from prefect.client.schemas.objects import State
from sqlalchemy import insert, select, update

from crm_sync.database.tables.customers import metadata, request_ledger
from crm_sync.exchange.collection import read_account
from flows.erase_customer import erase_customer
from flows.incremental_pull import incremental_pull
from standins.deployteq.faults import Trouble
from standins.deployteq.people import People
from standins.salesforce.http.faults import Fault
from tests.deployteq.both import DAY_IS_OVER, Both
from tests.rigs.breakers import let_the_pause_pass
from tests.rigs.org import artifact

pytestmark = pytest.mark.flow


def _refuse_all(both: Both) -> None:
    both.org.org.faults.add(Fault("status", path="/services/data", times=99))


def _refuse_for_the_day(both: Both) -> None:
    both.org.org.faults.add(Fault("status", path="/composite", status=403, body=DAY_IS_OVER))


def _be_closed(both: Both) -> None:
    _refuse_for_the_day(both)
    assert both.state(incremental_pull) == "CutByLimit"


def _use_up_the_hour(both: Both) -> None:
    with both.database.transaction() as connection:
        own = select(request_ledger.c.org).where(~request_ledger.c.org.startswith("deployteq:")).limit(1)
        row = {"org": connection.scalar(own), "at": datetime.now(UTC), "flow": "full_sync", "kind": "query"}
        connection.execute(insert(request_ledger), [row] * 3_600)


def _recover(both: Both) -> None:
    both.org.org.faults.clear()
    let_the_pause_pass(both.org)
    with both.database.transaction() as connection:
        connection.execute(update(request_ledger).values(at=datetime.now(UTC) - timedelta(hours=2)))


@pytest.mark.parametrize(
    ("trouble", "state"),
    [
        (_refuse_all, "Failed"),
        (_refuse_for_the_day, "CutByLimit"),
        (_be_closed, "CutByLimit"),
        (_use_up_the_hour, "CutByLimit"),
    ],
)
def test_while_salesforce_takes_nothing_deployteq_is_served_and_the_run_says_what_waits(
    both: Both, people: People, trouble: Callable[[Both], None], state: str
) -> None:
    trouble(both)
    people.unsubscribe(both.there(both.ann)["id"])
    both.change(both.bob, lastname="Changed")
    assert both.state() == state
    assert (both.here(both.ann)["opt_in"], both.holds_no(both.ann)) == (False, False)
    assert (both.there(both.bob)["lastname"], both.brand.members[both.brand.outbox]) == ("Changed", {})
    _recover(both)
    assert both.state() == "Completed"
    assert both.holds_no(both.ann)


def test_while_deployteq_is_down_salesforce_is_served_and_nothing_is_sent_there(both: Both) -> None:
    both.brand.troubles.add(Trouble("reset", times=99))
    both.change(both.ann, opt_in=False)
    assert both.state() == "DeployteqUnavailable"
    assert both.holds_no(both.ann)
    calls = len(both.brand.journal)
    both.change(both.bob, opt_in=False)
    assert (both.state(), both.holds_no(both.bob)) == ("DeployteqUnavailable", False)
    assert (both.state(incremental_pull), both.holds_no(both.bob)) == ("Completed", True)
    assert len(both.brand.journal) == calls
    both.brand.troubles.waiting.clear()
    _recover(both)
    assert both.state() == "Completed"
    assert {both.there(one)["optIn"] for one in (both.ann, both.bob)} == {"N"}


def _everything(both: Both) -> str:
    return repr([both.org.rows(table) for table in metadata.tables.values()])


@pytest.mark.parametrize("trouble", ["refused", "status", "reset", "hold"])
def test_who_is_to_be_erased_there_too_stays_whole_while_deployteq_is_down(
    both: Both, people: People, trouble: str
) -> None:
    person, number = both.here(both.ann), both.there(both.ann)["id"]
    double = people.insert(emailAddress=person["email_address"], lastname="Zuzanna")
    read_account(both.exchange)
    # The first of the two is deleted, and then it is down.
    both.brand.troubles.add(Trouble(trouble, "customer_delete", times=99, skip=1))
    account = both.account.model_copy(update={"longest_answer_seconds": 0.2})
    if trouble == "refused":
        with socket.create_server(("127.0.0.1", 0)) as closed:
            account = account.model_copy(update={"endpoint_url": f"http://127.0.0.1:{closed.getsockname()[1]}"})

    def erased() -> State[str]:
        who = {"database": both.org.customers, "account": account, "also_in_deployteq": True}
        state: State[str] = erase_customer(str(both.ann), **who, return_state=True)
        return state

    for _ in range(2):
        state = erased()
        assert (state.name, both.here(both.ann)) == ("DeployteqUnavailable", person)
        assert str(state.message).startswith("Nothing was erased here, and in Deployteq not all")
        assert person["email_address"] not in str(state.message)
    # Nothing that is gone there comes again meanwhile.
    both.brand.troubles.waiting.clear()
    _recover(both)
    account = both.account
    assert both.state() == "Completed"
    assert len({number, double} & {*both.brand.customers}) == (2 if trouble == "refused" else 1)
    assert erased().name == "Completed"
    assert "Deleted in Deployteq: " in artifact("erase-customer")
    assert not {number, double} & {*both.brand.customers}
    for words in (person["email_address"], "Zuzanna"):
        assert words not in _everything(both)

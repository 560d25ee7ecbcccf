"""Our gateway against the stand-in: what it reads, what it refuses, and what its errors never hold."""

import socket
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from lxml import etree
from pydantic import ValidationError

from blocks.deployteq_account import DeployteqAccount as AccountBlock
from crm_sync.deployteq.account import DeployteqAccount
from crm_sync.deployteq.customers import (
    Customer,
    UniqueField,
    available_fields,
    count_customers,
    delete_one,
    find_by,
    insert_or_update,
    read_all,
    read_matching,
    read_members,
    read_one,
    update_one,
)
from crm_sync.deployteq.envelope import read_customer, xml_safe
from crm_sync.deployteq.groups import add_members, group_exists, remove_member
from crm_sync.deployteq.host import portal_host
from crm_sync.errors import (
    ConfigurationError,
    DeployteqRefusedError,
    DeployteqUnavailableError,
    FatalError,
    SyncError,
)
from standins.deployteq.brand import Brand
from standins.deployteq.faults import Trouble
from standins.deployteq.people import People
from standins.deployteq.server import Server
from tests.deployteq.conftest import Counter, open_account
from tests.deployteq.constants import TOKEN, no_sleep

EMAIL = UniqueField("emailAddress", is_option=False)
OURS = UniqueField("salesforce_customer", is_option=True)


def _record(number: int, **more: Any) -> dict[str, Any]:
    return {"emailAddress": f"p{number}@example.com", "optIn": "N", **more}


def _everybody(account: DeployteqAccount) -> list[Customer]:
    return [one for page in read_all(account, no_sleep) for one in page]


def test_customers_go_there_and_come_back(account: DeployteqAccount) -> None:
    records = [
        _record(number, lastname="Ünal & <Söhne>\u000b", options={"salesforce_customer": f"c{number}"})
        for number in range(120)
    ]
    made = insert_or_update(account, records, OURS)
    again = insert_or_update(account, records[:2], OURS)
    found = _everybody(account)
    assert [one and one.id for one in again] == [one and one.id for one in made[:2]]
    assert (len(found), count_customers(account)) == (120, 120)
    first = found[0]
    assert first.fields["lastname"] == "Ünal & <Söhne>"
    assert first.fields["optIn"] == "N"
    assert not {"birthday", "poBox", "city"} & {*first.fields}
    assert OURS.of(first) == "c0"
    assert find_by(account, OURS, "c7", no_sleep)[0].fields["emailAddress"] == "p7@example.com"
    assert find_by(account, EMAIL, "P7@example.com", no_sleep)[0].options == {"salesforce_customer": "c7"}
    assert "salesforce_customer" in available_fields(account)
    assert len([one for page in read_matching(account, no_sleep, optIn="N") for one in page]) == 120


def test_results_are_always_freed(account: DeployteqAccount, brand: Brand, people: People) -> None:
    for number in range(60):
        people.insert(emailAddress=f"{number}@example.com")
    next(iter(read_all(account, no_sleep)))
    for status in ("ERROR", "CLOSED"):
        brand.switches.resource_status = status
        with pytest.raises(DeployteqUnavailableError, match=status):
            _everybody(account)
    brand.switches.resource_status, brand.switches.lost_rows = "READY", 1
    with pytest.raises(DeployteqUnavailableError):
        _everybody(account)
    brand.switches.lost_rows, brand.switches.resource_status = 0, "PROCESSING"
    with pytest.raises(DeployteqUnavailableError):
        _everybody(account)
    assert brand.resources == {}


def test_groups_take_members_and_give_them_back(account: DeployteqAccount, brand: Brand, people: People) -> None:
    number = people.insert(emailAddress="a@example.com")
    assert group_exists(account, brand.outbox)
    assert not group_exists(account, 7)
    add_members(account, brand.outbox, [number])
    add_members(account, brand.outbox, [number])
    assert [one.id for page in read_members(account, no_sleep, brand.outbox) for one in page] == [number]
    remove_member(account, brand.outbox, number)
    remove_member(account, brand.outbox, number)
    assert not brand.members[brand.outbox]


def test_one_customer_is_changed_by_its_id(account: DeployteqAccount, people: People) -> None:
    number = people.insert(emailAddress="a@example.com", city="Ede")
    assert update_one(account, number, {"emailAddress": "b@example.com"}).fields["city"] == "Ede"
    delete_one(account, number)
    acts: list[Callable[[], object]] = [
        lambda: read_one(account, number),
        lambda: update_one(account, number, {"city": "Ede"}),
    ]
    for act in acts:
        with pytest.raises(DeployteqRefusedError) as refusal:
            act()
        assert refusal.value.code == "213"


def test_a_field_that_the_vendor_adds_changes_nothing(account: DeployteqAccount, brand: Brand, people: People) -> None:
    people.insert(emailAddress="a@example.com", optIn="N")
    before = _everybody(account)
    brand.switches.extra_field = "loyaltyLevel"
    assert _everybody(account) == before
    assert account.unknown_fields == {"loyaltyLevel"}


@pytest.mark.parametrize("field", [{"id": None}, {"optIn": ""}, {"optIn": "yes"}, {"optIn": "y"}, {"optIn": "J"}])
def test_a_customer_that_cannot_be_read_stops_everything(
    account: DeployteqAccount, brand: Brand, people: People, field: dict[str, Any]
) -> None:
    number = people.insert(emailAddress="a@example.com")
    brand.customers[number].update(field)
    with pytest.raises(FatalError, match="neither Y nor N"):
        _everybody(account)


def test_another_token_is_a_setting(deployteq: Server) -> None:
    with open_account(deployteq, "another") as account, pytest.raises(ConfigurationError, match="60 days"):
        count_customers(account)


@pytest.mark.parametrize(("status", "counted"), [(429, 429), (503, 0)])
def test_a_call_that_came_too_soon_waits_as_long_as_deployteq_wants_and_is_sent_again(
    deployteq: Server, brand: Brand, status: int, counted: int
) -> None:
    waited: list[float] = []
    ledger = Counter()
    with open_account(deployteq, ledger=ledger, slow_down=waited.append) as account:
        brand.troubles.add(Trouble("status", status=status, times=2))
        assert count_customers(account) == 0
        assert (waited, ledger.statuses) == ([1.0, 1.0], [counted, counted, 200])
        brand.troubles.add(Trouble("status", status=status, times=9))
        with pytest.raises(DeployteqUnavailableError, match=str(status)):
            count_customers(account)


@pytest.mark.parametrize("action", ["reset", "reset after", "truncate", "html", "status"])
def test_no_error_holds_the_token_or_an_address(account: DeployteqAccount, brand: Brand, action: str) -> None:
    brand.troubles.add(Trouble(action, times=9))
    with pytest.raises(DeployteqUnavailableError) as problem:
        insert_or_update(account, [_record(1)], EMAIL)
    shown = "".join(traceback.format_exception(problem.value))
    assert TOKEN not in shown
    assert "example.com" not in shown


def test_a_fault_carries_its_number_or_its_word_and_no_text(account: DeployteqAccount, brand: Brand) -> None:
    brand.switches.too_long = "refused"
    with pytest.raises(DeployteqRefusedError) as number:
        insert_or_update(account, [_record(1, jobTitle="x" * 61)], EMAIL)
    brand.switches.batch_limit = 0
    with pytest.raises(DeployteqRefusedError) as word:
        insert_or_update(account, [_record(1)], EMAIL)
    assert (number.value.code, word.value.code) == ("105", "Server")
    assert str(number.value) == "Deployteq refused customer_insertBulkUnique (105)."


def test_a_deployteq_that_takes_no_connection_counts_as_away_as_soon_as_the_block_says() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        at = full.getsockname()
        block = AccountBlock(
            portal_host="secure.myclang.com",
            brand="brand",
            token=TOKEN,
            endpoint_url=f"http://{at[0]}:{at[1]}",
            longest_connect_seconds=1,
        )
        # Nobody takes it: after it, connections are not answered.
        with socket.create_connection(at):
            account = block.get_client(throttle=lambda: None, ledger=Counter(), clock=lambda: datetime.now(UTC))
            with pytest.raises(DeployteqUnavailableError, match="ConnectTimeout"):
                count_customers(account)
            account.close()
    for seconds in (0, 121):
        with pytest.raises(ValidationError):
            AccountBlock(portal_host="secure.myclang.com", brand="b", token=TOKEN, longest_connect_seconds=seconds)


@pytest.mark.parametrize("typed", ["https://a.myclang.com", "a.myclang.com/app", "a b.myclang.com", "myclang", ""])
def test_a_portal_host_is_a_bare_host(typed: str) -> None:
    with pytest.raises(ConfigurationError, match="bare host"):
        portal_host(typed)


def test_text_that_xml_cannot_hold_is_left_out() -> None:
    assert xml_safe("a\x00\x0b\ufffe\ud800b\t\x7f\ufffd\U0001f600\uffff") == "ab\t\x7f\ufffd\U0001f600".encode()


def test_the_order_of_fields_is_of_no_importance() -> None:
    xml = '<new>1</new><id>7</id><city i:nil="true"/><optIn>N</optIn>'
    nil = "http://www.w3.org/2001/XMLSchema-instance"
    assert read_customer(etree.fromstring(f'<c xmlns:i="{nil}">{xml}</c>')) == ({"id": "7", "optIn": "N"}, {}, ["new"])


def test_what_is_not_in_the_table_is_our_own_mistake(account: DeployteqAccount) -> None:
    calls: list[Callable[[], object]] = [
        lambda: account.call("customer_getById", wrong=1),
        lambda: update_one(account, 1, {"Lastname": "x"}),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="customer"):
            call()
    assert not issubclass(ValueError, SyncError)

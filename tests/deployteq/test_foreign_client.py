"""zeep, in its strict mode and without any code of ours, works with the stand-in."""

from collections.abc import Callable
from typing import Any

import pytest
from zeep import Client
from zeep.exceptions import Fault

from standins.deployteq.brand import Brand
from standins.deployteq.people import People
from standins.deployteq.server import Server
from tests.deployteq.constants import TOKEN


def _client(deployteq: Server) -> Any:
    client: Any = Client
    return client(f"{deployteq.url}/?wsdl").service


def test_a_strict_client_inserts_reads_pages_and_frees(brand: Brand, deployteq: Server) -> None:
    client = _client(deployteq)
    values = {"emailAddress": "ann@example.com", "lastname": "Jansen", "optIn": "N"}
    unique = {"String": ["emailAddress"]}
    for _ in range(2):
        answer = client.customer_insertBulkUnique(TOKEN, {"Customer": [values]}, unique, {})
    number = answer.msg.Customer[0].id
    assert (answer.code, answer.msg.Customer[0].birthday, answer.msg.Customer[0].poBox) == (0, "0000-00-00", "0")
    resource = client.customer_getAll(TOKEN).msg
    states = [client.resource_getById(TOKEN, resource).msg.status for _ in range(2)]
    page = client.customerSet_getCustomers(TOKEN, resource, 0, 50).msg.Customer
    assert (states, [one.id for one in page]) == (["PROCESSING", "READY"], [number])
    assert client.resource_free(TOKEN, resource).msg
    assert not brand.resources


def test_faults_have_their_numbers(deployteq: Server, brand: Brand, people: People) -> None:
    client = _client(deployteq)
    group, customer = {"id": brand.outbox}, {"id": people.insert(emailAddress="a@example.com")}
    client.group_addMember(TOKEN, group, customer)
    calls: dict[str, Callable[[], Any]] = {
        "105": lambda: client.customerSet_getCustomers(TOKEN, 1, 0, 51),
        "107": lambda: client.group_addMember(TOKEN, group, customer),
        "202": lambda: client.customer_getAll("another"),
        "213": lambda: client.customer_getById(TOKEN, 7),
    }
    for code, call in calls.items():
        with pytest.raises(Fault) as refusal:
            call()
        assert refusal.value.code == code

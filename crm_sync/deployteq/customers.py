"""Customers in Deployteq: read, inserted or updated in batches by a unique field, updated one by one by their id."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from crm_sync.deployteq.account import DeployteqAccount
from crm_sync.deployteq.envelope import read_customer, read_number, read_record
from crm_sync.deployteq.resources import read_pages
from crm_sync.errors import FatalError
from crm_sync.requests import RequestKind

# How fields without content come back.
_EMPTY = {"birthday": "0000-00-00", "poBox": "0"}


@dataclass(frozen=True)
class Customer:
    """A customer as Deployteq has it: fields and option fields by their names there, without what is empty."""

    id: int
    fields: Mapping[str, str]
    options: Mapping[str, str]


@dataclass(frozen=True)
class UniqueField:
    """The field that a batch is matched by: a field of the customer, or an option field of the brand."""

    name: str
    is_option: bool

    def of(self, customer: Customer) -> str:
        """Return the customer's value of it."""
        return (customer.options if self.is_option else customer.fields).get(self.name, "")

    def arguments(self) -> dict[str, list[str]]:
        """Return it as a call names it."""
        own, other = ("uniqueOptionFields", "uniqueCustomerFields")[:: 1 if self.is_option else -1]
        return {own: [self.name], other: []}


def read_all(account: DeployteqAccount, sleep: Callable[[float], None]) -> Iterator[list[Customer]]:
    """Yield all customers of the brand, a page at a time."""
    return _pages(account, "customer_getAll", sleep)


def read_matching(account: DeployteqAccount, sleep: Callable[[float], None], **fields: str) -> Iterator[list[Customer]]:
    """Yield the customers with these values, a page at a time; `options` as a mapping among them."""
    return _pages(account, "customer_getByObject", sleep, customer=fields)


def read_members(account: DeployteqAccount, sleep: Callable[[float], None], group: int) -> Iterator[list[Customer]]:
    """Yield the members of a group, a page at a time."""
    return _pages(account, "group_getMembers", sleep, groupId=group, recursive=False)


def read_one(account: DeployteqAccount, number: int) -> Customer:
    """Return a customer by its id; raises DeployteqRefusedError 213 when it is gone."""
    return _customer(account, account.call("customer_getById", customerId=number))


def find_by(
    account: DeployteqAccount, unique: UniqueField, value: str, sleep: Callable[[float], None]
) -> list[Customer]:
    """Return the customers that have this value of the unique field."""
    direct = {"externalId": "customer_getByExternalId", "emailAddress": "customer_getByEmailAddress"}
    if not unique.is_option and unique.name in direct:
        argument: dict[str, Any] = {unique.name: value}
        found = account.call(direct[unique.name], **argument)
        return [_customer(account, one) for one in found]
    wanted: dict[str, Any] = {"options": {unique.name: value}} if unique.is_option else {unique.name: value}
    return [one for page in _pages(account, "customer_getByObject", sleep, customer=wanted) for one in page]


def insert_or_update(
    account: DeployteqAccount, records: Sequence[Mapping[str, Any]], unique: UniqueField
) -> list[Customer | None]:
    """Insert or update a batch by its unique field, and return what came back; None for one that was refused."""
    answer = account.call("customer_insertBulkUnique", RequestKind.WRITE, customers=[*records], **unique.arguments())
    return [_customer(account, one) if len(one) else None for one in answer]


def update_one(account: DeployteqAccount, number: int, fields: Mapping[str, Any]) -> Customer:
    """Update a customer by its id; raises DeployteqRefusedError 213 when it is gone."""
    answer = account.call("customer_update", RequestKind.WRITE, customer={"id": number, **fields})
    return _customer(account, answer)


def delete_one(account: DeployteqAccount, number: int) -> None:
    """Delete a customer."""
    account.call("customer_delete", RequestKind.WRITE, customerId=number)


def count_customers(account: DeployteqAccount) -> int:
    """Return how many customers the brand has."""
    return read_number(account.call("customer_getTotalNumberOfCustomers"))


def available_fields(account: DeployteqAccount) -> set[str]:
    """Return the names of the fields that may be written, option fields among them."""
    found = account.call("magento_getAvailableCustomerFields", RequestKind.DESCRIBE, lang="en")
    return {read_record(one).get("name", "") for one in found} - {""}


def _pages(
    account: DeployteqAccount, operation: str, sleep: Callable[[float], None], **arguments: Any
) -> Iterator[list[Customer]]:
    return read_pages(account, operation, sleep, partial(_customer, account), **arguments)


def _customer(account: DeployteqAccount, element: Any) -> Customer:
    """Return a customer; raises FatalError for one whose id or consent cannot be read: nothing may go on without."""
    fields, options, unknown = read_customer(element)
    account.unknown_fields.update(unknown)
    number = fields.pop("id", "")
    if not number.isdecimal() or fields.get("optIn") not in {"Y", "N"}:
        raise FatalError(
            "Deployteq gave a customer without an id, or whose optIn is neither Y nor N; nothing of this answer is "
            "used. If the interface has changed, this version cannot read it."
        )
    for name, empty in _EMPTY.items():
        if fields.get(name) == empty:
            del fields[name]
    return Customer(int(number), fields, options)

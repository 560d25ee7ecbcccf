"""The operations of the interface over a brand."""

from collections.abc import Callable
from typing import Any

from standins.deployteq.brand import Brand, Record, Resource
from standins.deployteq.faults import ALREADY_DONE, BAD_ARGUMENT, NOT_FOUND, SoapFault
from standins.deployteq.fields import WRITABLE

_MOST_ON_A_PAGE = 50


def call(brand: Brand, operation: str, given: dict[str, Any]) -> Any:
    """Return the answer's `msg`; raises SoapFault."""
    return _CALLS[operation](brand, {name: value for name, value in given.items() if name != "uuid"})


def shown(customer: Record, extra_field: str = "") -> Record:
    """Return a customer as it goes out."""
    options = [
        {"identifier": "", "customerId": customer["id"], "name": name, "value": value}
        for name, value in customer["options"].items()
    ]
    return {**customer, "options": options} | ({extra_field: "new"} if extra_field else {})


def _one(brand: Brand, customer: Record) -> Record:
    return shown(customer, brand.switches.extra_field)


def _page(brand: Brand, given: dict[str, Any]) -> list[Record]:
    if not 1 <= given["size"] <= _MOST_ON_A_PAGE:
        raise SoapFault(BAD_ARGUMENT, "size must be between 1 and 50")
    start = max(given["offset"] - brand.switches.shifted_rows, 0)
    ids = _resource(brand, given["resourceId"]).ids[start:][: given["size"]]
    kept = ids[: max(0, len(ids) - brand.switches.lost_rows)]
    return [_one(brand, brand.customers[number]) for number in kept if number in brand.customers]


def _resource(brand: Brand, number: int) -> Resource:
    if number not in brand.resources:
        raise SoapFault(NOT_FOUND, "Record not found")
    return brand.resources[number]


def _look(brand: Brand, given: dict[str, Any]) -> Record:
    resource = _resource(brand, given["resourceId"])
    resource.asked += 1
    is_done = resource.asked > brand.switches.polls
    status = brand.switches.resource_status if is_done else "PROCESSING"
    size = len(resource.ids)
    return {"id": given["resourceId"], "type": "CUSTOMER_SET", "status": status, "size": size}


def _free(brand: Brand, given: dict[str, Any]) -> bool:
    _resource(brand, given["resourceId"])
    del brand.resources[given["resourceId"]]
    return True


def _as_resource(brand: Brand, ids: list[int]) -> int:
    number = brand.number()
    brand.resources[number] = Resource(ids)
    return number


def _by_object(brand: Brand, given: dict[str, Any]) -> int:
    customer = given["customer"]
    wanted = {name: value for name, value in customer.items() if name != "options" and value not in (None, "")}
    wanted["options"] = {one["name"]: one["value"] for one in customer.get("options") or []}
    return _as_resource(brand, [one["id"] for one in brand.matching(wanted)])


def _insert_bulk(brand: Brand, given: dict[str, Any]) -> list[Record | None]:
    customers = given["customers"]
    if len(customers) > brand.switches.batch_limit:
        raise SoapFault("SOAP-ENV:Server", "Allowed memory size exhausted")
    if brand.switches.bad_record == "fails all":
        for values in customers:
            brand.checked(values)  # nothing is done when one of them is refused
    answered: list[Record | None] = []
    for values in customers:
        try:
            found = _insert_unique(brand, values, given["uniqueCustomerFields"], given["uniqueOptionFields"])
        except SoapFault:
            if brand.switches.bad_record == "fails all":
                raise
            found = [None]
        answered.extend(found)
    return [*reversed(answered)] if brand.switches.answer == "shuffled" else answered


def _insert_unique(brand: Brand, values: Record, fields: list[str], options: list[str]) -> list[Record | None]:
    """Return what one customer of the call comes to."""
    given = {one["name"]: one.get("value") for one in values.get("options") or []}
    wanted = {name: values.get(name) for name in fields} | {"options": {name: given.get(name) for name in options}}
    is_complete = all([*(wanted[name] for name in fields), *wanted["options"].values()])
    if not (fields or options) or not is_complete:
        raise SoapFault(BAD_ARGUMENT, "A unique field has no value")
    matches = brand.matching(wanted)
    if not matches:
        return [_one(brand, brand.insert(values))]
    rule = brand.switches.several_matches
    if len(matches) > 1 and rule == "fault":
        raise SoapFault(BAD_ARGUMENT, "Several customers match")
    chosen = {"all": matches, "newest": matches[-1:]}.get(rule, matches[:1])
    changed = [(customer, brand.update(customer, values)) for customer in chosen]
    only_changed = brand.switches.answer == "changed"
    return [_one(brand, customer) for customer, is_changed in changed if is_changed or not only_changed]


def _update(brand: Brand, given: dict[str, Any]) -> Record:
    customer = brand.find(given["customer"].get("id"))
    brand.update(customer, given["customer"])
    return _one(brand, customer)


def _upsert(brand: Brand, given: dict[str, Any]) -> Record:
    if given["customer"].get("id"):
        return _update(brand, given)
    return _one(brand, brand.insert(given["customer"]))


def _delete(brand: Brand, given: dict[str, Any]) -> bool:
    brand.delete(given["customerId"])
    return True


def _add_members(brand: Brand, group: int | None, numbers: list[int], *, strict: bool) -> bool:
    members = brand.group(group)
    if strict and numbers[0] in members:
        raise SoapFault(ALREADY_DONE, "Customer is already a member of this group")
    for number in numbers:
        members.setdefault(brand.find(number)["id"], brand.stamp())
    return True


def _remove_member(brand: Brand, given: dict[str, Any]) -> bool:
    return brand.group(given["group"].get("id")).pop(given["customer"].get("id"), None) is not None


def _fields(brand: Brand, _: dict[str, Any]) -> list[Record]:
    if not brand.switches.lists_fields:
        raise SoapFault("SOAP-ENV:Server", "Function not available")
    names = [*WRITABLE, *sorted(brand.option_fields)]
    return [{"type": "string", "name": name, "value": name} for name in names]


def _group_insert(brand: Brand, given: dict[str, Any]) -> Record:
    return brand.groups[brand.make_group(given["group"].get("name") or "")]


def _by_field(name: str) -> Callable[[Brand, dict[str, Any]], list[Record]]:
    return lambda brand, given: [_one(brand, customer) for customer in brand.matching({name: given[name]})]


def _group_id(given: dict[str, Any]) -> int | None:
    number: int | None = given["group"].get("id")
    return number


_CALLS: dict[str, Callable[[Brand, dict[str, Any]], Any]] = {
    "customer_insert": lambda brand, given: _one(brand, brand.insert(given["customer"])),
    "customer_update": _update,
    "customer_upsert": _upsert,
    "customer_delete": _delete,
    "customer_insertUnique": lambda brand, given: _insert_unique(
        brand, given["customer"], given["uniqueCustomerFields"], given["uniqueOptionFields"]
    )[0],
    "customer_insertBulkUnique": _insert_bulk,
    "customer_getById": lambda brand, given: _one(brand, brand.find(given["customerId"])),
    "customer_getByExternalId": _by_field("externalId"),
    "customer_getByEmailAddress": _by_field("emailAddress"),
    "customer_getByObject": _by_object,
    "customer_getAll": lambda brand, given: _as_resource(brand, [*brand.customers]),
    "customer_getTotalNumberOfCustomers": lambda brand, given: len(brand.customers),
    "customerSet_getCustomers": _page,
    "resource_getById": _look,
    "resource_free": _free,
    "group_getAll": lambda brand, given: [*brand.groups.values()],
    "group_getById": lambda brand, given: (brand.group(given["groupId"]), brand.groups[given["groupId"]])[1],
    "group_insert": _group_insert,
    "group_getMembers": lambda brand, given: _as_resource(brand, [*brand.group(given["groupId"])]),
    "group_addMember": lambda brand, given: _add_members(
        brand, _group_id(given), [given["customer"].get("id")], strict=True
    ),
    "group_addMembersInBulk": lambda brand, given: _add_members(
        brand, _group_id(given), [one.get("id") for one in given["customers"]], strict=False
    ),
    "group_removeMember": _remove_member,
    "group_hasMember": lambda brand, given: given["customer"].get("id") in brand.group(_group_id(given)),
    "magento_getAvailableCustomerFields": _fields,
}

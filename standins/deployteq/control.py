"""`/__control`: the state of a stand-in that runs as a process of its own, and orders to it."""

from collections import Counter
from typing import Any

from standins.deployteq.brand import Brand
from standins.deployteq.faults import Trouble
from standins.deployteq.people import People

PATH = "/__control"
_ACTS = frozenset({"unsubscribe", "subscribe", "complain", "change", "insert", "delete"})


def report(brand: Brand) -> dict[str, Any]:
    """Return how often each operation was called, the customers, and the members of the groups."""
    with brand.lock:
        groups = {brand.groups[number]["name"]: [*members] for number, members in brand.members.items()}
        return {"counts": Counter(brand.journal), "customers": [*brand.customers.values()], "groups": groups}


def obey(brand: Brand, orders: dict[str, Any]) -> dict[str, Any]:
    """Carry out orders: `troubles`, `switches`, and acts of people, as lists of [act, customer, values]."""
    people = People(brand)
    brand.troubles.add(*(Trouble(**one) for one in orders.get("troubles", [])))
    for name, value in orders.get("switches", {}).items():
        setattr(brand.switches, name, value)
    done = []
    for act, *arguments in orders.get("acts", []):
        if act not in _ACTS:
            raise ValueError(f"no such act: {act}")
        values = arguments.pop() if arguments and isinstance(arguments[-1], dict) else {}
        done.append(getattr(people, act)(*arguments, **values))
    return {"done": done}

"""A brand in a file, so that it is the same at the next start."""

import json
from itertools import count
from pathlib import Path

from standins.deployteq.brand import Brand


def keep(brand: Brand, file: Path) -> None:
    """Write what is in the brand."""
    with brand.lock:
        content = {
            "next": brand.number(),
            "outbox": brand.outbox,
            "option_fields": sorted(brand.option_fields),
            "customers": [*brand.customers.values()],
            "groups": [*brand.groups.values()],
            "members": [[group, members] for group, members in brand.members.items()],
        }
    file.write_text(json.dumps(content))


def restore(brand: Brand, file: Path) -> bool:
    """Fill an empty brand from the file; says whether there was one."""
    if not file.exists():
        return False
    content = json.loads(file.read_text())
    brand.ids = count(content["next"])
    brand.outbox = content["outbox"]
    brand.option_fields |= {*content["option_fields"]}
    brand.groups = {one["id"]: one for one in content["groups"]}
    brand.members = {group: {int(one): at for one, at in members.items()} for group, members in content["members"]}
    for one in content["customers"]:
        brand.enter(one)
    return True

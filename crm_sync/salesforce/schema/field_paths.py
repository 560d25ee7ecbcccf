"""Finds the type of a mapped field, also when its path leads to a parent record (Account.Name)."""

from collections.abc import Callable, Iterable, Mapping

from crm_sync.salesforce.schema.describe import FieldDescription

# The fields that SOQL shows of a parent with several possible objects: an owner is a user or a queue, both seen as
# sObject Name (object reference, "Name").
_NAME_TYPES = dict.fromkeys(("name", "firstname", "lastname", "username", "alias", "title", "type"), "string") | {
    "email": "email",
    "phone": "phone",
    "isactive": "boolean",
}


def find_types(
    sobject: str, paths: Iterable[str], describe: Callable[[str], Mapping[str, FieldDescription]]
) -> dict[str, str | None]:
    """Return the described type of each path as seen from `sobject`, None where the integration user sees no field.

    Names are compared without case, as Salesforce does.
    """

    def find(name: str, path: str) -> str | None:
        fields = {field.lower(): description for field, description in describe(name).items()}
        relationship, dot, rest = path.lower().partition(".")
        if not dot:
            return fields[relationship].type if relationship in fields else None
        parents = next((f.refers_to for f in fields.values() if f.relationship_name.lower() == relationship), ())
        if len(parents) > 1:
            return _NAME_TYPES.get(rest)
        return find(parents[0], rest) if parents else None

    return {path: find(sobject, path) for path in paths}

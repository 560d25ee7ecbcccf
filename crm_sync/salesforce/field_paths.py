"""Finds what a mapped field is, also when its path leads to a parent record (Account.Name)."""

from collections.abc import Callable, Iterable, Mapping

from crm_sync.salesforce.describe import FieldDescription

Described = Mapping[str, FieldDescription]


def find_fields(
    sobject: str, paths: Iterable[str], describe: Callable[[str], Described]
) -> dict[str, FieldDescription | None]:
    """Return the description of each path as seen from `sobject`, None where the integration user sees none.

    Names are compared without case, as Salesforce does.
    """

    def fields_of(name: str) -> dict[str, FieldDescription]:
        return {field.lower(): description for field, description in describe(name).items()}

    def find(name: str, path: str) -> FieldDescription | None:
        relationship, dot, rest = path.partition(".")
        if not dot:
            return fields_of(name).get(path.lower())
        parents = (
            field.refers_to
            for field in fields_of(name).values()
            if field.relationship_name.lower() == relationship.lower() and field.refers_to
        )
        parent = next(parents, None)
        if parent is None:
            return None
        # SOQL sees a parent of several kinds (an owner is a user or a queue) as the sObject Name.
        return find(parent[0] if len(parent) == 1 else "Name", rest)

    return {path: find(sobject, path) for path in paths}

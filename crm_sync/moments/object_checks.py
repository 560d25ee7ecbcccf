"""The contact moment objects as Salesforce describes them to the integration user, and what an installation left."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from crm_sync.errors import ConfigurationError, FatalError, QueryError, SyncError
from crm_sync.moments.objects import MomentObject
from crm_sync.salesforce.metadata.deployment import ComponentFailure
from crm_sync.salesforce.metadata.permission_sets import Access, Assignment
from crm_sync.salesforce.org import SalesforceOrg
from crm_sync.salesforce.schema.describe import FieldDescription, describe

INTEGRATION_SET = "DeployteqIntegration"
_INTEGRATION_LABEL = "Deployteq Integration"
_READERS_LABEL = "Deployteq Contact Moments"
_ASSIGN = (
    f"give the permission set '{_INTEGRATION_LABEL}' to the integration user (Setup > Permission Sets > "
    f"{_INTEGRATION_LABEL} > Manage Assignments > Add Assignment)"
)
_RELATED_LIST = (
    "Show the moments on the {parent}: Setup > Object Manager > {parent} > Page Layouts, open each layout that sales "
    "uses, drag 'Contact Moments' from Related Lists onto it, choose with the wrench the columns Subject, Sent, "
    "Last Opened, Last Clicked and Bounced, sorted by Sent, descending, and save. A Lightning page without "
    "the component Related Lists needs it too (open a {parent}, gear > Edit Page)."
)
_READERS = (
    f"Let people in sales see them: Setup > Permission Sets > {_READERS_LABEL} > Manage Assignments > Add Assignment."
)
_ID_LENGTH = 64


@dataclass(frozen=True)
class ObjectCheck:
    """One object as the integration user sees it, with sentences on what keeps moments out of it.

    `fields` counts those that are there; an installation adds `missing`, only a person can correct `unfit`.
    """

    name: str
    exists: bool
    fields: int
    missing: tuple[str, ...]
    unfit: tuple[str, ...] = ()


def check_object(org: SalesforceOrg, moments: MomentObject) -> ObjectCheck:
    """Check one object by its description; one request."""
    try:
        described = describe(org, moments.name)
    except QueryError as unknown:
        if unknown.code != "NOT_FOUND":
            raise
        sentence = f"Salesforce shows the integration user no object {moments.name}."
        return ObjectCheck(moments.name, exists=False, fields=0, missing=(sentence,))
    # Names are compared without case, as Salesforce does.
    fields = {name.lower(): field for name, field in described.items()}
    wanted = (moments.lookup, *moments.fields.values())
    missing = [name for name in wanted if name.lower() not in fields]
    return ObjectCheck(
        name=moments.name,
        exists=True,
        fields=len(wanted) - len(missing),
        missing=tuple(f"Salesforce shows the integration user no field {moments.name}.{name}." for name in missing),
        unfit=(*_lookup_problems(moments, fields), *_field_problems(moments, fields)),
    )


def _lookup_problems(moments: MomentObject, fields: Mapping[str, FieldDescription]) -> Iterator[str]:
    lookup = fields.get(moments.lookup.lower())
    if lookup is None:
        return
    if moments.parent not in lookup.refers_to:
        yield f"{moments.name}.{lookup.name} does not look up a {moments.parent.lower()}."
    elif not lookup.createable:
        yield _not_writable(moments, lookup)


def _field_problems(moments: MomentObject, fields: Mapping[str, FieldDescription]) -> Iterator[str]:
    for holds, name in moments.fields.items():
        if said := _problem(moments, holds, fields.get(name.lower())):
            yield said
    key = fields.get(moments.moment_id.lower())
    if key is not None and not key.external_id:
        yield f"{moments.name}.{key.name} is not marked External ID, so that moments cannot be found again by it."
    elif key is not None and 0 < key.length < _ID_LENGTH:
        yield f"{moments.name}.{key.name} holds {key.length} characters, where {_ID_LENGTH} are needed."


def _problem(moments: MomentObject, holds: str, field: FieldDescription | None) -> str:
    """Return why a field that is there cannot hold what it is for; nothing when it can."""
    if field is None:
        return ""
    types, wanted = _needed(holds)
    if field.type not in types:
        return f"{moments.name}.{field.name} is of type {field.type}, where {wanted} is needed."
    return "" if field.createable and field.updateable else _not_writable(moments, field)


def refused_fields(moments: MomentObject, described: Mapping[str, FieldDescription]) -> list[str]:
    """Return the fields that Salesforce does not take: hidden, not to be written, or of another type."""
    fields = {name.lower(): field for name, field in described.items()}
    return [
        name
        for holds, name in moments.fields.items()
        if name.lower() not in fields or _problem(moments, holds, fields[name.lower()])
    ]


def _needed(holds: str) -> tuple[tuple[str, ...], str]:
    """Return the described types that fit a field by its content, and the word for them."""
    if holds.endswith("_at"):
        return ("datetime",), "a date/time"
    if holds in {"opens", "clicks"}:
        return ("double", "int", "long"), "a number"
    if holds == "online_version":
        return ("url", "string", "textarea"), "a URL"
    return (("string",) if holds == "moment_id" else ("string", "textarea", "picklist")), "a text"


def _not_writable(moments: MomentObject, field: FieldDescription) -> str:
    return f"The integration user may not edit {moments.name}.{field.name}."


@dataclass(frozen=True)
class MomentObjectsReport:
    """Both objects as they are now, what was installed, and what is left to do by hand.

    `assignment` is None for objects of another package, which are only checked.
    """

    objects: tuple[ObjectCheck, ...]
    installed: dict[str, tuple[str, ...]]
    failures: tuple[ComponentFailure, ...]
    assignment: Assignment | None
    check_only: bool
    org_host: str
    requests_used: int

    @property
    def problems(self) -> list[str]:
        """All that keeps moments from being written, each in one sentence."""
        refused = [failure.sentence() for failure in self.failures]
        return refused or [said for one in self.objects for said in (*one.missing, *one.unfit)]

    def sentence(self) -> str:
        """Return the outcome in one sentence."""
        if error := self.error():
            return str(error)
        names = " and ".join(one.name for one in self.objects)
        if self.installed:
            return f"{names} are installed and ready; what is left to do by hand is listed with the run."
        if self._access is Access.GIVEN:
            return f"{names} were in place; the integration user was given the permission set {_INTEGRATION_LABEL}."
        return f"{names} are in place; nothing had to be changed."

    def error(self) -> SyncError | None:
        """Return the error that ends the run, if moments cannot be written."""
        if not self.problems:
            return None
        more = f" (and {len(self.problems) - 1} more, listed with the run)" if len(self.problems) > 1 else ""
        first = self.problems[0].rstrip(".") + more
        if self.failures:
            return FatalError(
                "Salesforce refused the contact moment objects, and installed nothing of them: "
                f"{first}; correct that in Salesforce and start again."
            )
        return ConfigurationError(f"Contact moments cannot be written: {first}; {self._remedy()}.")

    def by_hand(self) -> list[str]:
        """Return the steps that only a person can take; Salesforce has no way to add to somebody's page layout."""
        are_there = bool(self.installed) or all(one.exists for one in self.objects)
        if self.assignment is None or not are_there:
            return []
        steps = [_RELATED_LIST.format(parent=parent) for parent in ("Lead", "Contact")] + [_READERS]
        if self._has_access:
            return steps
        code = self.assignment.code
        refused = f" Salesforce did not let this run do it ({code})." if code else ""
        return [f"{_ASSIGN[0].upper()}{_ASSIGN[1:]}.{refused}", *steps]

    @property
    def _access(self) -> Access | None:
        return self.assignment.access if self.assignment else None

    @property
    def _has_access(self) -> bool:
        return self._access in {Access.HAD_IT, Access.GIVEN}

    def _remedy(self) -> str:
        if self.assignment is None:
            return "correct the block 'Contact moment objects', or give the integration user access to them"
        if any(one.unfit for one in self.objects):
            return "an administrator has to correct that in Salesforce"
        if self.check_only:
            return "run this flow without 'check only' to install what is missing"
        if self._has_access:
            return "Salesforce may need some minutes to show what is new, so start this flow again then"
        return _ASSIGN

"""What a check or an installation of the contact moment objects came to, for a person to read."""

from collections.abc import Sequence
from dataclasses import dataclass

from crm_sync.errors import ConfigurationError, FatalError, SyncError
from crm_sync.moments.object_checks import ObjectCheck
from crm_sync.salesforce.metadata.deployment import ComponentFailure
from crm_sync.salesforce.metadata.permission_sets import Access, Assignment

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


@dataclass(frozen=True)
class MomentObjectsReport:
    """The two objects as the integration user sees them now, what was installed, and what a person has to do.

    `assignment` is None for objects of another package, of which nothing is installed.
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
        return refused or [finding.sentence for one in self.objects for finding in one.findings]

    @property
    def state(self) -> str:
        """A report that is no error has but one name."""
        return "Completed"

    def sentence(self) -> str:
        """Say in one sentence how things stand."""
        if error := self.error():
            return str(error)
        names = " and ".join(one.name for one in self.objects)
        given = self.assignment is not None and self.assignment.access is Access.GIVEN
        if self.installed:
            return f"{names} are installed and ready; what is left to do by hand is listed with the run."
        if given:
            return f"{names} were in place; the integration user was given the permission set {_INTEGRATION_LABEL}."
        return f"{names} are in place; nothing had to be changed."

    def error(self) -> SyncError | None:
        """Return what keeps moments from being written, if something does."""
        if not self.problems:
            return None
        if self.failures:
            return FatalError(
                "Salesforce refused the contact moment objects, and installed nothing of them: "
                f"{_first(self.problems)}; correct that in Salesforce and start again."
            )
        return ConfigurationError(f"Contact moments cannot be written: {_first(self.problems)}; {self._remedy()}.")

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
    def _has_access(self) -> bool:
        return self.assignment is not None and self.assignment.access in {Access.HAD_IT, Access.GIVEN}

    def _remedy(self) -> str:
        findings = [finding for one in self.objects for finding in one.findings]
        if self.assignment is None:
            return "correct the block 'Contact moment objects', or give the integration user access to them"
        if not all(finding.is_missing for finding in findings):
            return "an administrator has to correct that in Salesforce"
        if self.check_only:
            return "run this flow without 'check only' to install what is missing"
        if self._has_access:
            return "Salesforce may need some minutes to show what is new, so start this flow again then"
        return _ASSIGN


def _first(problems: Sequence[str]) -> str:
    more = f" (and {len(problems) - 1} more, listed with the run)" if len(problems) > 1 else ""
    return problems[0].rstrip(".") + more

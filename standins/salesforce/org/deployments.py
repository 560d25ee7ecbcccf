"""Metadata deployments and their progress."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from standins.salesforce.errors import SalesforceError
from standins.salesforce.ids import make_id
from standins.salesforce.org.settings import OrgSettings
from standins.salesforce.schema.fields import SObject


@dataclass(frozen=True)
class Component:
    """A component that the package names, with its sObject for a custom object, or with its problem."""

    type: str
    name: str
    file: str
    sobject: SObject | None = None
    problem: str = ""


@dataclass
class Deployment:
    """A deployment: its components, and its state, which moves on with each request for it."""

    id: str
    components: list[Component]
    created: datetime
    polls_left: int
    status: str = "Pending"

    @property
    def failures(self) -> list[Component]:
        """Return the components with a problem; one of them undoes the whole."""
        return [component for component in self.components if component.problem]

    @property
    def done(self) -> bool:
        """Return whether nothing more will happen."""
        return self.status in ("Succeeded", "Failed")

    def poll(self) -> None:
        """Let the deployment go one step further, as time would."""
        if self.done:
            return
        self.status = "InProgress"
        if self.polls_left <= 0:
            self.status = "Failed" if self.failures else "Succeeded"
        self.polls_left -= 1


class Deployments:
    """All deployments."""

    def __init__(self, settings: OrgSettings, clock: Callable[[], datetime]) -> None:
        """Start with none."""
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._all: dict[str, Deployment] = {}
        self._problems: deque[str] = deque()

    def fail_next(self, problem: str) -> None:
        """Let the next deployment fail with this problem."""
        self._problems.append(problem)

    def create(self, components: list[Component]) -> Deployment:
        """Return a new deployment."""
        with self._lock:
            problems = [Component("", "", "", problem=self._problems.popleft())] if self._problems else []
            made = Deployment(
                id=make_id("0Af", len(self._all) + 1),
                components=[*components, *problems],
                created=self._clock(),
                polls_left=self._settings.deployment_polls,
            )
            self._all[made.id] = made
        return made

    def get(self, deployment_id: str) -> Deployment:
        """Return a deployment; raise SalesforceError INVALID_CROSS_REFERENCE_KEY when there is none."""
        with self._lock:
            found = self._all.get(deployment_id)
        if found is None:
            raise SalesforceError(500, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        return found

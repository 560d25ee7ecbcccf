"""Bulk API 2.0 ingest jobs, and what becomes of them."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal as OneOf

from standins.salesforce.errors import not_found
from standins.salesforce.ids import make_id
from standins.salesforce.org.outcome import Operation, Outcome
from standins.salesforce.org.settings import OrgSettings
from standins.salesforce.schema.fields import SObject

# Query jobs count from 1 as well, and an Id is given once.
_FIRST = 62**5
# A small job has written its rows when the answer to its closing goes out; a large one keeps nobody waiting.
_PROMPT_SECONDS = 1.0


@dataclass(frozen=True)
class Ending:
    """How a job ends other than well, and how many of its rows are written before that."""

    state: OneOf["Failed", "Aborted"]
    message: str
    after_rows: int = 0


@dataclass
class IngestJob:
    """A job: what it was asked to do, the CSV it got, and how far it is."""

    id: str
    operation: Operation
    sobject: SObject
    key_field: str
    version: str
    delimiter: str
    line_ending: str
    created: datetime
    polls_left: int
    ending: Ending | None
    state: str = "Open"
    content: bytes | None = None
    uploads: int = 0
    header: list[str] = field(default_factory=list)
    written: list[tuple[list[str], Outcome]] = field(default_factory=list)
    unprocessed: list[list[str]] = field(default_factory=list)
    work: threading.Thread | None = None

    @property
    def ended(self) -> bool:
        """Tell whether nothing more will happen."""
        return self.state in ("JobComplete", "Failed", "Aborted")

    @property
    def failed(self) -> int:
        """Return how many rows were refused."""
        return sum(outcome.error is not None for _, outcome in self.written)

    def start(self, work: Callable[[], None]) -> None:
        """Close the job and let `work` write its rows, whether or not anybody asks for the job again."""
        self.state = "UploadComplete"
        self.work = threading.Thread(target=work, daemon=True)
        self.work.start()
        self.work.join(_PROMPT_SECONDS)

    def settle(self) -> None:
        """Wait until no more rows are written."""
        if self.work is not None:
            self.work.join()

    def poll(self) -> None:
        """Let the job's state go one step further, as time would."""
        if self.state == "UploadComplete":
            self.state = "InProgress"
        if self.state == "InProgress":
            if self.polls_left <= 0:
                self.settle()
                self.state = self.ending.state if self.ending else "JobComplete"
            self.polls_left -= 1


class IngestJobs:
    """All jobs that have not expired."""

    def __init__(self, settings: OrgSettings, clock: Callable[[], datetime]) -> None:
        """Start without a job."""
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._jobs: dict[str, IngestJob] = {}
        self._endings: deque[Ending] = deque()

    def end_next(self, state: OneOf["Failed", "Aborted"], message: str = "", *, after_rows: int = 0) -> None:
        """Let the next new job end so, with only its first rows written and the others left unprocessed."""
        self._endings.append(Ending(state, message, after_rows))

    def create(
        self, operation: Operation, sobject: SObject, key_field: str, *, version: str, delimiter: str, line_ending: str
    ) -> IngestJob:
        """Return a new job that waits for its CSV."""
        with self._lock:
            job = IngestJob(
                id=make_id("750", _FIRST + len(self._jobs) + 1),
                operation=operation,
                sobject=sobject,
                key_field=key_field,
                version=version,
                delimiter=delimiter,
                line_ending=line_ending,
                created=self._clock(),
                polls_left=self._settings.bulk_polls,
                ending=self._endings.popleft() if self._endings else None,
            )
            self._jobs[job.id] = job
        return job

    def get(self, job_id: str) -> IngestJob:
        """Return a job; raise SalesforceError NOT_FOUND when there is none, or none any more."""
        with self._lock:
            job = self._jobs.get(job_id)
        if job is None or job.state == "Deleted":
            raise not_found()
        if self._clock() >= job.created + self._settings.bulk_job_lifetime:
            raise not_found()
        return job

    def close(self) -> None:
        """Wait for every job."""
        for job in self.all():
            job.settle()

    def all(self) -> list[IngestJob]:
        """Return all jobs, oldest first."""
        with self._lock:
            return [job for job in self._jobs.values() if job.state != "Deleted"]

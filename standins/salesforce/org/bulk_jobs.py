"""Bulk API 2.0 jobs, for queries and for ingest."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar
from typing import Literal as OneOf

from standins.salesforce.errors import SalesforceError, not_found
from standins.salesforce.ids import make_id
from standins.salesforce.org.outcome import Operation, Outcome
from standins.salesforce.org.settings import OrgSettings
from standins.salesforce.org.snapshot import Snapshot
from standins.salesforce.schema.fields import SObject

_DAY = timedelta(hours=24)
# Jobs of both kinds have Ids of one prefix, and an Id is given once.
_FIRST_INGEST = 62**5
# A small job has written its rows when the answer to its closing goes out; a large one keeps nobody waiting.
_PROMPT_SECONDS = 1.0


@dataclass
class Job:
    """The common part of all jobs: the operation, the API version, and the progress."""

    id: str
    operation: str
    version: str
    created: datetime
    polls_left: int
    state: str = field(default="UploadComplete", kw_only=True)

    @property
    def ended(self) -> bool:
        """Return whether nothing more will happen."""
        return self.state in ("JobComplete", "Failed", "Aborted")

    def poll(self) -> None:
        """Let the job go one step further, as time would."""
        if self.state == "UploadComplete":
            self.state = "InProgress"
        if self.state == "InProgress":
            if self.polls_left <= 0:
                self.state = self.finish()
            self.polls_left -= 1

    def finish(self) -> str:
        """Return the state in which the job ends."""
        raise NotImplementedError

    def close(self) -> None:
        """Release the snapshot or the thread of the job."""
        raise NotImplementedError


@dataclass
class QueryJob(Job):
    """A query job with its snapshot."""

    snapshot: Snapshot
    failure: str | None

    def finish(self) -> str:
        """Return Failed for a job that was meant to fail."""
        return "Failed" if self.failure else "JobComplete"

    def close(self) -> None:
        """End the snapshot."""
        self.snapshot.close()


@dataclass(frozen=True)
class Ending:
    """The end of a job that does not complete, after the first `after_rows` rows."""

    state: OneOf["Failed", "Aborted"]
    message: str
    after_rows: int = 0


@dataclass
class IngestJob(Job):
    """An ingest job: the CSV it got, and the outcome of each row."""

    operation: Operation
    sobject: SObject
    key_field: str
    ending: Ending | None
    content: bytes | None = None
    uploads: int = 0
    header: list[str] = field(default_factory=list)
    written: list[tuple[list[str], Outcome]] = field(default_factory=list)
    unprocessed: list[list[str]] = field(default_factory=list)
    work: threading.Thread | None = None

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

    def finish(self) -> str:
        """Wait for the last row, and return the state that the job was meant to end in."""
        self.close()
        return self.ending.state if self.ending else "JobComplete"

    def close(self) -> None:
        """Wait until no more rows are written."""
        if self.work is not None:
            self.work.join()


AnyJob = TypeVar("AnyJob", bound=Job)


class _Jobs(Generic[AnyJob]):
    """All jobs of one kind that have not expired."""

    def __init__(self, settings: OrgSettings, clock: Callable[[], datetime], made: int = 0) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = threading.RLock()
        self._jobs: dict[str, AnyJob] = {}
        self._made = made

    def get(self, job_id: str) -> AnyJob:
        """Return a job; raise SalesforceError NOT_FOUND when there is none, or none any more."""
        with self._lock:
            job = self._jobs.get(job_id)
        if job is None:
            raise not_found()
        if self._clock() >= job.created + self._settings.bulk_job_lifetime:
            self.remove(job_id)
            raise not_found()
        return job

    def all(self) -> list[AnyJob]:
        """Return all jobs, oldest first."""
        with self._lock:
            return list(self._jobs.values())

    def remove(self, job_id: str) -> None:
        """Forget a job and its results."""
        with self._lock:
            job = self._jobs.pop(job_id, None)
        if job is not None:
            job.close()

    def close(self) -> None:
        """Forget every job."""
        for job in self.all():
            self.remove(job.id)

    def _next_id(self) -> str:
        self._made += 1
        return make_id("750", self._made)


class QueryJobs(_Jobs[QueryJob]):
    """The query jobs, of which there may be only so many in a day."""

    def __init__(self, settings: OrgSettings, clock: Callable[[], datetime]) -> None:
        """Start without a job."""
        super().__init__(settings, clock)
        self._created: deque[datetime] = deque()
        self._failures: deque[str] = deque()

    def fail_next(self, message: str) -> None:
        """Let the next new job end as Failed, with this message."""
        self._failures.append(message)

    def create(self, snapshot: Snapshot, operation: str, version: str) -> QueryJob:
        """Return a new job; raise SalesforceError LIMIT_EXCEEDED after the day's jobs."""
        now = self._clock()
        with self._lock:
            self._check_quota(now)
            failure = self._failures.popleft() if self._failures else None
            polls = self._settings.bulk_polls
            job = QueryJob(self._next_id(), operation, version, now, polls, snapshot, failure)
            self._jobs[job.id] = job
            self._created.append(now)
        return job

    def _check_quota(self, now: datetime) -> None:
        while self._created and self._created[0] <= now - _DAY:
            self._created.popleft()
        limit = self._settings.bulk_jobs_per_day
        if len(self._created) >= limit:
            message = f"Max bulk v2 query jobs ({limit}) per 24 hrs has been reached ({len(self._created)})"
            raise SalesforceError(400, "LIMIT_EXCEEDED", message)


class IngestJobs(_Jobs[IngestJob]):
    """The ingest jobs."""

    def __init__(self, settings: OrgSettings, clock: Callable[[], datetime]) -> None:
        """Start without a job."""
        super().__init__(settings, clock, _FIRST_INGEST)
        self._endings: deque[Ending] = deque()

    def end_next(self, state: OneOf["Failed", "Aborted"], message: str = "", *, after_rows: int = 0) -> None:
        """Let the next new job end in this state, with only its first rows written and the others left unprocessed."""
        self._endings.append(Ending(state, message, after_rows))

    def create(self, operation: Operation, sobject: SObject, key_field: str, version: str) -> IngestJob:
        """Return a new job that waits for its CSV."""
        with self._lock:
            ending = self._endings.popleft() if self._endings else None
            now, polls = self._clock(), self._settings.bulk_polls
            job = IngestJob(self._next_id(), operation, version, now, polls, sobject, key_field, ending, state="Open")
            self._jobs[job.id] = job
        return job

"""Bulk API 2.0 query jobs, and what becomes of them."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from standins.salesforce.errors import SalesforceError, not_found
from standins.salesforce.ids import make_id
from standins.salesforce.org.settings import OrgSettings
from standins.salesforce.org.snapshot import Snapshot

_DAY = timedelta(hours=24)
DELIMITERS = {"BACKQUOTE": "`", "CARET": "^", "COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}


@dataclass
class BulkJob:
    """A query job: what it asked for, its snapshot, and how far it is."""

    id: str
    operation: str
    version: str
    delimiter: str
    line_ending: str
    created: datetime
    snapshot: Snapshot
    polls_left: int
    failure: str | None
    state: str = "UploadComplete"

    def poll(self) -> None:
        """Let the job go one step further, as time would."""
        if self.state == "UploadComplete":
            self.state = "InProgress"
        if self.state == "InProgress":
            if self.polls_left <= 0:
                self.state = "Failed" if self.failure else "JobComplete"
            self.polls_left -= 1


class BulkJobs:
    """All jobs that have not expired."""

    def __init__(self, settings: OrgSettings, clock: Callable[[], datetime]) -> None:
        """Start without a job."""
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._jobs: dict[str, BulkJob] = {}
        self._created: deque[datetime] = deque()
        self._failures: deque[str] = deque()
        self._made = 0

    def fail_next(self, message: str) -> None:
        """Let the next new job end as Failed, with this message."""
        self._failures.append(message)

    def create(self, snapshot: Snapshot, operation: str, version: str, delimiter: str, line_ending: str) -> BulkJob:
        """Return a new job; raise SalesforceError LIMIT_EXCEEDED after the day's jobs."""
        now = self._clock()
        with self._lock:
            self._check_quota(now)
            self._made += 1
            job = BulkJob(
                id=make_id("750", self._made),
                operation=operation,
                version=version,
                delimiter=delimiter,
                line_ending=line_ending,
                created=now,
                snapshot=snapshot,
                polls_left=self._settings.bulk_polls,
                failure=self._failures.popleft() if self._failures else None,
            )
            self._jobs[job.id] = job
            self._created.append(now)
        return job

    def get(self, job_id: str) -> BulkJob:
        """Return a job; raise SalesforceError NOT_FOUND when there is none, or none any more."""
        with self._lock:
            job = self._jobs.get(job_id)
        if job is None:
            raise not_found()
        if self._clock() >= job.created + self._settings.bulk_job_lifetime:
            self.remove(job_id)
            raise not_found()
        return job

    def all(self) -> list[BulkJob]:
        """Return all jobs, oldest first."""
        with self._lock:
            return list(self._jobs.values())

    def remove(self, job_id: str) -> None:
        """Forget a job and its results."""
        with self._lock:
            job = self._jobs.pop(job_id, None)
        if job is not None:
            job.snapshot.close()

    def close(self) -> None:
        """Forget every job."""
        for job in self.all():
            self.remove(job.id)

    def _check_quota(self, now: datetime) -> None:
        while self._created and self._created[0] <= now - _DAY:
            self._created.popleft()
        limit = self._settings.bulk_jobs_per_day
        if len(self._created) >= limit:
            message = f"Max bulk v2 query jobs ({limit}) per 24 hrs has been reached ({len(self._created)})"
            raise SalesforceError(400, "LIMIT_EXCEEDED", message)

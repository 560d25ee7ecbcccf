"""The one writer of records: collections or Bulk jobs, whichever takes fewer requests, and one ladder of retries.

Every record is found by Id or by external id, so a record whose outcome is unknown may be written once more.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol, TypeVar

import pandas as pd

from crm_sync.errors import JobFailedError, LimitReachedError, UnknownOutcomeError
from crm_sync.outcomes import RefusalClass
from crm_sync.salesforce.errors.error_rules import Complaint
from crm_sync.salesforce.errors.row_refusals import refusal_classes
from crm_sync.salesforce.limits import LONGEST_WAIT
from crm_sync.salesforce.org import SalesforceOrg
from crm_sync.salesforce.write import bulk_ingest
from crm_sync.salesforce.write.collections import split_requests, write_records
from crm_sync.salesforce.write.options import WriteOptions
from crm_sync.salesforce.write.plan import WritePlan, WriteWay, load_of, plan_groups
from crm_sync.salesforce.write.records import RecordWrites
from crm_sync.salesforce.write.results import RESULT_COLUMNS, all_refused, note_limits, read_ingest_results
from crm_sync.salesforce.write.tries import Tries

# A quarter of a pause more or less, so that two runs do not meet again.
_JITTER = 0.25

_USUAL = WriteOptions()
_NOTHING = pd.DataFrame(columns=[*RESULT_COLUMNS, "refusal"])
Answer = TypeVar("Answer")


class Attempt(Protocol):
    """Makes one request, again while it raises RetriableError."""

    def __call__(self, what: str, request: Callable[[bool], Answer]) -> Answer:
        """Return the answer of the request named `what`; its argument is whether it is a repeat."""
        ...


@dataclass(frozen=True)
class Delivery:
    """The outcome of some records.

    `results`: as `result_frame`, with `refusal` (RefusalClass as text, missing on success), of the records that
    Salesforce answered for. `limit`: the limit that ended the writing before the rest was sent. `unknown_outcome`: the
    index of records that Salesforce may have written although the limit replaced its answer.
    """

    results: pd.DataFrame
    limit: LimitReachedError | None = None
    unknown_outcome: pd.Index = field(default_factory=lambda: pd.Index([]))


@dataclass(frozen=True)
class Writer:
    """Writes records to one org; `random` gives numbers from 0 to 1.

    `polls`: how often a Bulk job is polled, by experience, until it has ended. `found_size` is called with how many
    records at once the org takes, when it did not take so many as the options say. `longest_wait`: seconds after which
    a job is given up, here and in Salesforce.
    """

    org: SalesforceOrg
    attempt: Attempt
    sleep: Callable[[float], None]
    random: Callable[[], float]
    polls: int = 1
    options: WriteOptions = _USUAL
    found_size: Callable[[int], None] = lambda _: None
    longest_wait: float = LONGEST_WAIT

    def write(self, *groups: Sequence[RecordWrites]) -> Iterator[Delivery]:
        """Write records, one group after the other, and yield their outcomes as Salesforce answers.

        The index of the records is unique among all groups. A delivery with a limit is the last one. Records that a
        repeat can help are written again a few times, those that were too many together at once and fewer by fewer, and
        yielded with their last answer.
        """
        tries = Tries(self.options)
        while True:
            for delivery in self._write_once(groups, tries):
                again = tries.are_tried_again(delivery.results)
                if tries.has_found_size(delivery.results[~again]):
                    self.found_size(tries.options.at_once)
                yield replace(delivery, results=delivery.results[~again])
                if delivery.limit:
                    return
            labels, pause = tries.next_try()
            if not labels:
                return
            if pause is not None:
                self._pause(pause, len(labels))
            groups = tuple([_among(one, labels) for one in group] for group in groups)

    def _pause(self, seconds: float, records: int) -> None:
        jittered = seconds * (1 - _JITTER + 2 * _JITTER * self.random())
        self.attempt(f"pause before {records:,} refused records are written again", lambda _: self.sleep(jittered))

    def _write_once(self, groups: Sequence[Sequence[RecordWrites]], tries: Tries) -> Iterator[Delivery]:
        plans = plan_groups(
            [[load_of(one) for one in group] for group in groups], polls=self.polls, options=tries.options
        )
        if len(plans) < len(groups):
            groups = [[one for group in groups for one in group]]
        for group, plan in zip(groups, plans, strict=True):
            for delivery in self._write_group([one for one in group if len(one)], plan, tries):
                yield delivery
                if delivery.limit:
                    return

    def _write_group(self, group: Sequence[RecordWrites], plan: WritePlan, tries: Tries) -> Iterator[Delivery]:
        """Start the jobs of a group, write its collections meanwhile, and read the jobs' results at last."""
        jobs: list[tuple[RecordWrites, str]] = []
        asked: Sequence[RecordWrites] = []
        by_job, by_call = tries.by_way(group, plan)
        try:
            for one in by_job:
                inline = plan.ways[one.sobject] is WriteWay.BULK_INLINE
                for part, content in bulk_ingest.split_files(one):
                    asked = [part]
                    try:
                        jobs.append((part, self._start_job(part, content, inline=inline)))
                    except JobFailedError as refusal:
                        # Of the object or a field; the records of other objects go on.
                        yield from _answered(all_refused(part, Complaint(refusal.code or "", str(refusal))), [part])
            for asked in split_requests(by_call, tries.options):
                records = sum(map(len, asked))
                request = partial(write_records, self.org, asked, tries.options)
                results = pd.concat(self.attempt(f"write {records:,} records", _writing(request)))
                yield from _answered(results, asked)
            while jobs:
                results = self._end_job(*jobs[0])
                part, _ = jobs.pop(0)
                yield from _answered(results, [part])
        except LimitReachedError as limit:
            unknown = [part for part, _ in jobs] + (list(asked) if isinstance(limit, UnknownOutcomeError) else [])
            labels = pd.Index([label for part in unknown for label in part.records.index])
            yield Delivery(_NOTHING, limit, labels)

    def _start_job(self, writes: RecordWrites, content: bytes, *, inline: bool) -> str:
        """Make a job that begins to write, with `inline` by one request, and return its Id.

        A failed upload is retried with a new job: a job accepts its data once, and one never closed writes nothing.
        """

        def upload(_is_repeat: bool) -> str:
            job_id = bulk_ingest.create_ingest_job(self.org, writes).id
            bulk_ingest.upload_csv(self.org, job_id, content)
            return job_id

        making = f"make Bulk job for {writes.sobject}"
        if inline:
            create = partial(bulk_ingest.create_ingest_job, self.org, writes, inline=content)
            return self.attempt(making, _writing(create)).id
        job_id = self.attempt(making, upload)
        self.attempt(f"begin Bulk job {job_id}", _writing(partial(bulk_ingest.close_ingest_job, self.org, job_id)))
        return job_id

    def _end_job(self, writes: RecordWrites, job_id: str) -> pd.DataFrame:
        """Wait until a job has ended, well or not, and return its results."""

        def look() -> bulk_ingest.IngestJob:
            return self.attempt(f"look at Bulk job {job_id}", lambda _: bulk_ingest.read_ingest_job(self.org, job_id))

        def give_up() -> None:
            self.attempt(f"give up Bulk job {job_id}", lambda _: bulk_ingest.abort_ingest_job(self.org, job_id))

        ended = bulk_ingest.wait_for_ingest(look, len(writes), self.sleep, give_up, self.longest_wait)
        reading = f"read results of Bulk job {job_id}"
        results = self.attempt(reading, lambda _: read_ingest_results(self.org, ended, writes))
        note_limits(self.org, [results])
        return results


def _writing(request: Callable[[], Answer]) -> Callable[[bool], Answer]:
    """Return a request that writes: when a limit stops its repeat, the outcome of the first attempt is unknown."""

    def attempt(is_repeat: bool) -> Answer:
        try:
            return request()
        except LimitReachedError as limit:
            if is_repeat:
                raise UnknownOutcomeError(str(limit), code=limit.code, until=limit.until) from limit
            raise

    return attempt


def _among(writes: RecordWrites, labels: Collection[Any]) -> RecordWrites:
    return writes.where(pd.Series(writes.records.index.isin(labels), index=writes.records.index))


def _answered(results: pd.DataFrame, writes: Sequence[RecordWrites]) -> Iterator[Delivery]:
    """Yield results with their refusals; raises LimitReachedError after those of records that a limit refused."""
    codes = results["error_code"].fillna("").where(~results["success"])
    refusals = refusal_classes(codes, results["error_message"])
    # Of two writers that both insert a record by its external id, the slower one is refused; a repeat updates it.
    for name in {one.external_id for one in writes if one.external_id}:
        names_it = results["error_message"].str.contains(name, case=False, regex=False, na=False)
        refusals = refusals.mask(codes.eq("DUPLICATE_VALUE") & names_it, RefusalClass.TRANSIENT.value)
    results = results.assign(refusal=refusals)
    yield Delivery(results)
    limited = results.loc[results["refusal"].eq(RefusalClass.LIMIT), "error_code"]
    if len(limited):
        raise LimitReachedError("Salesforce takes no more records for now.", code=str(limited.iloc[0]))

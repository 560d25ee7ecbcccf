"""Where members end up: outputs stored as they come, and what they add up to."""

from dataclasses import dataclass, field
from time import monotonic

import pandas as pd
from prefect import task

from crm_sync.database.engine import CustomerDatabase
from crm_sync.push.advice import group_causes
from crm_sync.push.outputs import store_outputs
from crm_sync.push.queue import Queue, count_waiting
from crm_sync.push.result import Output, PushResult
from tasks.run.retry_policy import IN_MEMORY
from tasks.run.run import Run, utc_now

_COLUMNS = ["member_id", "customer_id", "output", "salesforce_id", "error_code", "error_message"]
NOTHING = pd.DataFrame({"id": [], "field_values": []}, dtype="str")
_EXAMPLES = 5


@task(task_run_name="store outputs", **IN_MEMORY)
def store(
    database: CustomerDatabase, queue: Queue, outputs: pd.DataFrame, learnt: pd.DataFrame, *, run: int
) -> list[int]:
    """Store outputs, and what Salesforce has now, in one transaction; return the members whose outputs they are."""
    with database.transaction() as connection:
        return store_outputs(connection, queue, outputs, learnt, run=run, now=utc_now())


@dataclass
class OutputRecorder:
    """What a run has stored so far; `leaves_doubt`: of some members it is not known whether they were written."""

    run: Run
    queue: Queue
    cut: str = ""
    leaves_doubt: bool = False
    written: int = 0
    conflicts: dict[str, int] = field(default_factory=dict)
    conflict_examples: list[str] = field(default_factory=list)
    _stored: list[pd.DataFrame] = field(default_factory=list)
    _began: float = field(default_factory=monotonic)

    def store(
        self,
        people: pd.DataFrame,
        output: Output | pd.Series,
        code: pd.Series | str | None = None,
        message: pd.Series | str | None = None,
        learnt: pd.DataFrame = NOTHING,
    ) -> None:
        """Store the output of people (`member_id`, `customer_id`, `record_id`)."""
        if people.empty:
            return
        outputs = people[["member_id", "customer_id"]].assign(
            output=output if isinstance(output, pd.Series) else str(output),
            salesforce_id=people.get("record_id"),
            error_code=code,
            error_message=message,
        )
        texts = dict.fromkeys(_COLUMNS[2:], "str")
        outputs = outputs[_COLUMNS].astype(texts)
        mine = store(self.run.database, self.queue, outputs, learnt, run=self.run.number)
        self._stored.append(outputs[outputs["member_id"].isin(mine)])

    def note_conflicts(self, people: pd.DataFrame, conflicts: pd.DataFrame) -> None:
        """Count values that yielded to Salesforce's; `conflicts`: a boolean column per field, with people's index."""
        for name, count in conflicts.sum().items():
            if count:
                self.conflicts[str(name)] = self.conflicts.get(str(name), 0) + int(count)
        some = people.loc[conflicts.any(axis=1), "record_id"].head(_EXAMPLES - len(self.conflict_examples))
        self.conflict_examples += list(some)

    def result(self) -> PushResult:
        """Say what the run came to."""
        with self.run.database.transaction() as connection:
            waiting = count_waiting(connection, self.queue)
        nothing = pd.DataFrame({name: pd.Series(dtype="str") for name in _COLUMNS})
        stored = pd.concat(self._stored, ignore_index=True) if self._stored else nothing
        by_output = {output: frozenset(stored.loc[stored["output"] == output, "customer_id"]) for output in Output}
        return PushResult(
            campaign=self.queue.campaign,
            step=self.queue.step,
            run=self.run.number,
            success=by_output[Output.SUCCESS],
            error=by_output[Output.ERROR],
            limit=by_output[Output.LIMIT],
            causes=group_causes(stored[stored["output"] == Output.ERROR]),
            conflicts=self.conflicts,
            conflict_examples=tuple(self.conflict_examples),
            written=self.written,
            waiting=waiting,
            requests_used=self.run.ledger.used,
            seconds=monotonic() - self._began,
            cut=self.cut,
            org_host=self.run.org.host,
        )

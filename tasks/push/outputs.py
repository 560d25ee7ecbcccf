"""Where members end up: outputs stored as they come, and what they add up to."""

from collections import Counter
from dataclasses import dataclass, field
from time import monotonic

import pandas as pd
from prefect import task
from sqlalchemy import Connection

from crm_sync.consent.delivery_store import customers_waiting
from crm_sync.database.engine import CustomerDatabase
from crm_sync.push.advice import NEWER_IN_SALESFORCE, group_causes
from crm_sync.push.outputs_store import store_outputs
from crm_sync.push.plan import OPEN, OUTPUTS, State, confirmed_values, count_by_field, values_of
from crm_sync.push.queue_store import Queue, count_waiting
from crm_sync.push.result import Output, PushResult, RefusedCustomer
from tasks.run.retry_policy import IN_MEMORY
from tasks.run.run import Run, utc_now

_COLUMNS = ["member_id", "customer_id", "output", "salesforce_id", "error_code", "error_message"]
_EXAMPLES = 5


@task(task_run_name="store outputs", **IN_MEMORY)
def store(
    database: CustomerDatabase, queue: Queue, outputs: pd.DataFrame, confirmed: pd.DataFrame, *, run: int
) -> list[int]:
    """Store outputs, and what Salesforce has now, in one transaction; return the members whose outputs they are."""
    with database.transaction() as connection:
        return store_outputs(connection, queue, outputs, confirmed, run=run, now=utc_now())


@dataclass
class OutputRecorder:
    """What a run has stored so far; `limit`: what cut it short; `leaves_unknown`: of some members the outcome is
    unknown; `missing`: fields of the step that Salesforce does not show."""

    run: Run
    queue: Queue
    limit: str = ""
    leaves_unknown: bool = False
    written: int = 0
    partly: int = 0
    missing: set[str] = field(default_factory=set)
    left_out: Counter[str] = field(default_factory=Counter)
    conflicts: Counter[str] = field(default_factory=Counter)
    conflict_examples: list[str] = field(default_factory=list)
    _stored: list[pd.DataFrame] = field(default_factory=list)
    _began: float = field(default_factory=monotonic)

    def expected(self, connection: Connection) -> int:
        """Return how many members wait."""
        return count_waiting(connection, self.queue)

    def record(self, plan: pd.DataFrame) -> pd.DataFrame:
        """Store the outputs of a plan's members that have one, and return the plan of the others that are open."""
        is_done = plan["state"].isin(list(OUTPUTS))
        self.leaves_unknown |= bool(plan["state"].eq(State.UNKNOWN_OUTCOME).any())
        if is_done.any():
            self._store(plan[is_done])
        return plan[plan["state"].isin(OPEN)]

    def _store(self, done: pd.DataFrame) -> None:
        named = {"salesforce_id": "record_id", "error_code": "code", "error_message": "message"}
        done = self._until_salesforce_knows(done)
        columns = {name: done.get(own) for name, own in named.items()}
        output = done["state"].map({state.value: output.value for state, output in OUTPUTS.items()})
        outputs = done[["member_id", "customer_id"]].assign(output=output, **columns)
        for name in ("error_code", "error_message"):
            outputs[name] = outputs[name].where(outputs["output"].eq(Output.ERROR.value))
        outputs = outputs[_COLUMNS].astype(dict.fromkeys(_COLUMNS[2:], "str"))
        mine = store(self.run.database, self.queue, outputs, confirmed_values(done), run=self.run.number)
        self._stored.append(outputs[outputs["member_id"].isin(mine)])
        partly = int(done["state"].eq(State.PARTLY_SENT).sum())
        self.partly += partly
        self.written += partly + int(done["state"].eq(State.SENT).sum())
        self.left_out += count_by_field(values_of(done, "left"))
        conflicts = values_of(done, "conflict")
        self.conflicts += count_by_field(conflicts)
        if len(conflicts.columns):
            some = done.loc[conflicts.any(axis=1), "record_id"]
            self.conflict_examples += list(some.head(_EXAMPLES - len(self.conflict_examples)))

    def _until_salesforce_knows(self, done: pd.DataFrame) -> pd.DataFrame:
        """Return the plan without success for members whose withdrawal of consent Salesforce does not hold."""
        with self.run.database.transaction() as connection:
            waiting = customers_waiting(connection, done["customer_id"])
        if waiting.empty:
            return done
        withdrawal = waiting.set_index("customer_id").reindex(done["customer_id"]).set_axis(done.index)
        is_kept_back = done["customer_id"].isin(waiting["customer_id"])
        is_refused = is_kept_back & withdrawal["error_code"].notna()
        state = done["state"].mask(is_kept_back, State.LIMITED.value).mask(is_refused, State.REFUSED.value)
        names = {"code": "error_code", "message": "error_message"}
        texts = {
            own: done.get(own, pd.Series(None, index=done.index, dtype="str")).mask(is_refused, withdrawal[name])
            for own, name in names.items()
        }
        return done.assign(state=state, **texts)

    def result(self) -> PushResult:
        """Say what the run came to."""
        with self.run.database.transaction() as connection:
            waiting = count_waiting(connection, self.queue)
        nothing = pd.DataFrame({name: pd.Series(dtype="str") for name in _COLUMNS})
        stored = pd.concat(self._stored, ignore_index=True) if self._stored else nothing
        by_output = {output: frozenset(stored.loc[stored["output"] == output, "customer_id"]) for output in Output}
        errors = stored[stored["output"] == Output.ERROR]
        names = ["customer_id", "salesforce_id", "error_code"]
        refused = errors[names].fillna("").itertuples(index=False, name=None)
        newer = int(errors["error_code"].eq(NEWER_IN_SALESFORCE).sum())
        return PushResult(
            campaign=self.queue.campaign,
            step=self.queue.step,
            run=self.run.number,
            success=by_output[Output.SUCCESS],
            error=by_output[Output.ERROR],
            limit=by_output[Output.LIMIT],
            causes=group_causes(errors),
            refused=[RefusedCustomer(*row) for row in refused],
            conflicts=self.conflicts,
            left_out=self.left_out,
            missing=tuple(sorted(self.missing)),
            newer=newer,
            partly=self.partly,
            conflict_examples=tuple(self.conflict_examples),
            written=self.written,
            waiting=waiting,
            requests_used=self.run.ledger.used,
            seconds=monotonic() - self._began,
            cut=self.limit,
            org_host=self.run.org.host,
        )

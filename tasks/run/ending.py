"""How every flow ends: in a named state with one sentence, whether its work was done or an error stopped it."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from prefect.client.schemas.objects import State
from prefect.exceptions import CancelledRun
from prefect.states import Completed, Failed

from crm_sync.errors import PersonNeededError, SyncError
from crm_sync.runs.states import NOT_GREEN, RunState, state_after
from tasks.run.late_runs import is_late_run, skipped_state
from tasks.run.run import utc_now


class Outcome(Protocol):
    """What a flow comes to, if it is not just a sentence; its `state`, where it has one, is the flow's final state."""

    def sentence(self) -> str:
        """Say what happened."""
        ...


SomeOutcome = TypeVar("SomeOutcome", bound=Outcome | str)


def end_in_a_sentence(
    work: Callable[[], SomeOutcome],
    *,
    every: timedelta | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> SomeOutcome:
    """Do a flow's work and return its final state: that of the outcome, or of the error that stopped it.

    For a Python caller of the flow that is the outcome, or the error raised. `every`: the interval of the flow's
    schedule, where a run that comes later than that leaves its work to the next one.
    """
    _log_errors_as_sentences()
    state: State[SomeOutcome]
    if every and is_late_run(every, clock()):
        state = skipped_state(every)
    else:
        try:
            outcome = work()
            name = getattr(outcome, "state", RunState.COMPLETED)
            sentence = outcome if isinstance(outcome, str) else outcome.sentence()
            if name in NOT_GREEN:
                state = Failed(name=name, message=sentence, data=PersonNeededError(sentence))
            else:
                state = Completed(name=name, message=sentence, data=outcome)
        except SyncError as error:
            state = Failed(name=state_after(error), message=str(error), data=error)
    return state  # type: ignore[return-value]  # Prefect gives the caller of the flow the state's data, or raises it


class _OneSentence(logging.Filter):
    """Logs our own errors, and that a run was skipped, as the sentence they carry; the traceback would only hide it."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, SyncError | CancelledRun):
            record.msg, record.args, record.exc_info, record.exc_text = str(error), (), None, None
        return True


_ONE_SENTENCE = _OneSentence()


def _log_errors_as_sentences() -> None:
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(_ONE_SENTENCE)

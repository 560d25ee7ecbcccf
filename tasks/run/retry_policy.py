"""The only retry layer: a task tries again when, and only when, the error says that a repeat can help."""

from typing import Any

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from crm_sync.errors import RetriableError

# Seconds; a quarter more or less, so that several runs do not come back at the same instant.
_DELAYS = [1.0, 5.0, 20.0, 60.0]


def is_worth_repeating(_task: Task[..., Any], _task_run: TaskRun, state: State[Any]) -> bool:
    """Say whether the task failed with a RetriableError."""
    return isinstance(state.result(raise_on_failure=False), RetriableError)


# What a task gets and gives stays in memory: no result of it is stored, no input is hashed for a cache.
IN_MEMORY: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}

TALKS_TO_SALESFORCE: dict[str, Any] = {
    **IN_MEMORY,
    "retries": len(_DELAYS),
    "retry_delay_seconds": _DELAYS,
    "retry_jitter_factor": 0.25,
    "retry_condition_fn": is_worth_repeating,
}

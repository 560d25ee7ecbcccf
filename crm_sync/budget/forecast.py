"""How many requests a full sync will take, from one request that counts the records of all objects."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from crm_sync.salesforce.limits import RECORDS_PER_RESULTS_PAGE, USUAL_POLLS
from crm_sync.sobject import SObject


@dataclass(frozen=True)
class Begun:
    """What an earlier run has done of an object: its Bulk job is there, and perhaps all of it is stored."""

    finished: bool


@dataclass(frozen=True)
class FullSyncForecast:
    """Requests by object, and all of the run: those made before the forecast too."""

    by_object: dict[SObject, int]
    requests: int


def forecast_full_sync(
    records: Mapping[SObject, int],
    *,
    begun: Mapping[SObject, Begun] | None = None,
    polls: float | None = None,
    used: int = 0,
) -> FullSyncForecast:
    """Return what reading every record takes: a Bulk job, its polls and its pages for each object.

    `polls`: how many looks a job took in earlier runs. A job that an earlier run began is not created again.
    """
    looks = USUAL_POLLS if polls is None else polls
    by_object = {sobject: _requests(number, looks, (begun or {}).get(sobject)) for sobject, number in records.items()}
    return FullSyncForecast(by_object, used + sum(by_object.values()))


def _requests(records: int, polls: float, begun: Begun | None) -> int:
    if begun is not None and begun.finished:
        return 0
    create = 0 if begun is not None else 1
    # An object without records has a page too.
    return create + round(polls) + max(1, ceil(records / RECORDS_PER_RESULTS_PAGE))

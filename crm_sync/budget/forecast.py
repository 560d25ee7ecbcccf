"""How many requests a full sync will take, from one request that counts the records of all objects."""

from collections.abc import Collection, Mapping
from math import ceil

from crm_sync.salesforce.limits import RECORDS_PER_RESULTS_PAGE, USUAL_POLLS
from crm_sync.sobject import SObject


def forecast_full_sync(
    records: Mapping[SObject, int],
    *,
    begun: Mapping[SObject, bool] | None = None,
    polls: float | None = None,
    twice: Collection[SObject] = (),
) -> int:
    """Return the requests that reading every record takes: a Bulk job, its polls and its pages for each object.

    `begun`: objects whose Bulk job an earlier run has made, and whether all of it is stored. `polls`: how often a job
    was polled in earlier runs. `twice`: objects that a second Bulk job reads for consent.
    """
    looks = USUAL_POLLS if polls is None else polls
    stored = begun or {}
    first = sum(_requests(number, looks, stored.get(sobject)) for sobject, number in records.items())
    return first + sum(_requests(records[sobject], looks, stored.get(sobject) or None) for sobject in twice)


def _requests(records: int, polls: float, is_stored: bool | None) -> int:
    if is_stored:
        return 0
    create = 1 if is_stored is None else 0
    # An object without records has a page too.
    return create + round(polls) + max(1, ceil(records / RECORDS_PER_RESULTS_PAGE))

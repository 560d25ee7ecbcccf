"""The states in which a run ends: their names in Prefect and in `sync_run`, and what the documentation says of them."""

import re
from enum import StrEnum

from crm_sync.errors import (
    ConfigurationError,
    DeployteqDownError,
    DeployteqUnavailableError,
    LimitReachedError,
    NobodyWaitsError,
    SyncError,
)

# What stands in `sync_run` while a run is at work, and after one whose process was lost.
RUNNING = "running"
INTERRUPTED = "interrupted"


class RunState(StrEnum):
    """A final state; `of`: which flows end so, `means`: what a person should know, `advice`: what to do."""

    of: str
    means: str
    advice: str

    def __new__(cls, name: str, of: str, means: str, advice: str) -> "RunState":
        """Keep the words beside the name."""
        state = str.__new__(cls, name)
        state._value_ = name
        state.of, state.means, state.advice = of, means, advice
        return state

    @property
    def verdict(self) -> str:
        """The name as words."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", self.value).capitalize()

    COMPLETED = "Completed", "all", "everything is done", "nothing"
    WITH_REJECTS = (
        "CompletedWithRejects",
        "sync, pull",
        "some records cannot be used; by cause and one by one on the run's pages",
        "correct them in Salesforce: the next good version clears them. After a changed mapping, **full-sync**",
    )
    WITH_MISSING_FIELDS = (
        "CompletedWithMissingFields",
        "sync, pull, push, check, Deployteq",
        "Salesforce or Deployteq does not show a mapped field; the rest is in. With rejects too, the state is theirs",
        "correct the mapping, or the integration user's access to the field; then **full-sync**",
    )
    WITH_ERRORS = (
        "CompletedWithErrors",
        "push",
        "some customers left by *error*",
        "the page says by cause what to do; then **retry-outputs**",
    )
    WITH_REFUSALS = (
        "CompletedWithRefusals",
        "moments, Deployteq",
        "Salesforce refused some moments, or Deployteq some customers",
        "the run's page says by cause what to do; locked ones go by themselves, customers after a day",
    )
    CUT_BY_CAP = (
        "CutByCap",
        "moments",
        "the block's own cap on a run was reached",
        "nothing: the next run goes on",
    )
    CUT_BY_LIMIT = (
        "CutByLimit",
        "all",
        "the requests of the hour or the day are used up",
        "nothing: the next run goes on; customers in *limit* by **retry-outputs**",
    )
    FULL_SYNC_DUE = (
        "FullSyncDue",
        "pull",
        "the pull did what it could; the sentence says of which object, and why, a full sync is due",
        "**full-sync** for that object",
    )
    NEEDS_APPROVAL = (
        "NeedsApproval",
        "sync, pull, push, Deployteq",
        "the rest is done; what would change too many people at once is held back",
        "look at the page `…-held-back`; if it is right, tick *approve changes* in the form of the next run",
    )
    OPT_OUTS_UNKNOWN = (
        "OptOutsUnknown",
        "sync, pull",
        "Salesforce no longer shows who said no to e-mail; customers of that object are not mailable",
        "give the integration user access to the field, or correct the mapping; then **full-sync**: no pull ends this "
        "state, since it has not read what was said meanwhile",
    )
    DRY_RUN = (
        "DryRun",
        "pull, moments, push, Deployteq",
        "nothing was written; the page shows what would change",
        "run it without *dry run*",
    )
    NOBODY_WAITS = (
        "NobodyWaits",
        "push",
        "nobody was sent: the campaign, *which* or the run is not known, or no customer meets the selection",
        "compare the name with those in the state's sentence; a dry run shows which customers a selection finds",
    )
    SKIPPED = (
        "Skipped",
        "by schedule",
        "this run came too late",
        "nothing: the next one does its work",
    )
    NOT_CONFIGURED = (
        "NotConfigured",
        "all",
        "a setting has to change; nothing was read or written",
        "read the state's sentence, then **check-connection**",
    )
    DEPLOYTEQ_UNAVAILABLE = (
        "DeployteqUnavailable",
        "Deployteq",
        "Deployteq does not answer; nothing is lost, and the flows with Salesforce go on",
        "nothing: the next run goes on",
    )
    FAILED = (
        "Failed",
        "all",
        "Salesforce or the database refused",
        "read the state's sentence; what is stored stays, the next run goes on",
    )


NOT_GREEN = frozenset({RunState.NEEDS_APPROVAL, RunState.OPT_OUTS_UNKNOWN, RunState.NOT_CONFIGURED})


def state_after(error: SyncError) -> RunState:
    """Return the final state that an error leads to."""
    if isinstance(error, LimitReachedError):
        return RunState.CUT_BY_LIMIT
    if isinstance(error, NobodyWaitsError):
        return RunState.NOBODY_WAITS
    if isinstance(error, DeployteqDownError | DeployteqUnavailableError):
        return RunState.DEPLOYTEQ_UNAVAILABLE
    return RunState.NOT_CONFIGURED if isinstance(error, ConfigurationError) else RunState.FAILED

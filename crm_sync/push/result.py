"""What a push comes to: the four outputs, the errors by cause, and what Salesforce kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from crm_sync.runs.counts import counted
from crm_sync.runs.states import RunState


class Output(StrEnum):
    """How a customer leaves the Salesforce Synchronize step, besides *continue*, which all take."""

    SUCCESS = "success"
    ERROR = "error"
    LIMIT = "limit"


@dataclass(frozen=True)
class Cause:
    """An error code, how many customers left with it, what to do, whether sending again can help, some record Ids."""

    code: str
    customers: int
    advice: str
    can_retry: bool
    examples: tuple[str, ...] = ()


class RefusedCustomer(NamedTuple):
    """A customer that left by error: its number, the record it leads to, if any, and Salesforce's code."""

    customer_id: int
    record: str
    code: str


@dataclass(frozen=True)
class PushPreview:
    """What a push would do: customers that would enter, records that would be written, in all and by field, customers
    without anything new; and some of the records that would be written."""

    entering: int = 0
    to_write: int = 0
    same: int = 0
    refused: int = 0
    fields: Mapping[str, int] = field(default_factory=dict)
    examples: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Say what would happen in one sentence."""
        return (
            f"{counted(self.entering, 'customer')} would enter, {counted(self.to_write, 'record')} would be written, "
            f"{self.same:,} have nothing new, {self.refused:,} would leave by error"
        )


@dataclass(frozen=True)
class PushResult:
    """The outputs of a run, as customer ids: `continued` is `success`, `error` and `limit` together.

    `written`: records that were sent and taken; `waiting`: members that are still in the queue, among them those that
    Salesforce has been given and has not answered for. `conflicts`: by field, how many customers' values yielded to
    Salesforce's; `newer`: the customers of *error* for nothing but that. `left_out`: by field, how many customers'
    values could not be sent; `partly`: the customers of *error* whose other values were. `missing`: fields of the step
    that Salesforce does not show. `preview`: of a dry run, which has no outputs. `unknown_ids`: given ids that no
    customer has. `held`: customers that do not enter, since they are too many without a person's approval.
    """

    campaign: str
    step: str
    run: int
    success: frozenset[int] = frozenset()
    error: frozenset[int] = frozenset()
    limit: frozenset[int] = frozenset()
    causes: tuple[Cause, ...] = ()
    refused: Sequence[RefusedCustomer] = ()
    conflicts: Mapping[str, int] = field(default_factory=dict)
    conflict_examples: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    newer: int = 0
    partly: int = 0
    written: int = 0
    waiting: int = 0
    requests_used: int = 0
    seconds: float = 0.0
    cut: str = ""
    org_host: str = ""
    preview: PushPreview | None = None
    unknown_ids: int = 0
    held: int = 0

    @property
    def continued(self) -> frozenset[int]:
        """Everyone who left the step."""
        return self.success | self.error | self.limit

    @property
    def counts(self) -> dict[str, int]:
        """How many customers took each output."""
        return {
            "continue": len(self.continued),
            "success": len(self.success),
            "error": len(self.error),
            "limit": len(self.limit),
        }

    @property
    def state(self) -> RunState:
        """What a person should know first."""
        if self.cut:
            return RunState.CUT_BY_LIMIT
        if self.preview:
            return RunState.DRY_RUN
        if self.held:
            return RunState.NEEDS_APPROVAL
        if self.error:
            return RunState.WITH_ERRORS
        return RunState.WITH_MISSING_FIELDS if self.missing else RunState.COMPLETED

    def sentence(self) -> str:
        """Say what happened in one sentence."""
        said = f"Dry run: {self.preview.sentence()}" if self.preview else self._outputs_sentence()
        if self.left_out:
            said += f"; not sent: {', '.join(f'{name} ({count:,})' for name, count in self.left_out.items())}"
        if self.missing:
            said += f"; Salesforce does not show {', '.join(self.missing)}"
        if self.conflicts:
            said += f"; {sum(self.conflicts.values()):,} values yield to newer ones in Salesforce"
        if self.waiting:
            said += f"; {self.waiting:,} wait in the queue"
        if self.held:
            fate = "can only enter with" if self.preview else "did not enter, since so many at once need"
            said += f"; {counted(self.held, 'customer')} {fate} *approve changes*"
        if self.unknown_ids:
            said += f"; no customer has {self.unknown_ids:,} of the given ids"
        return f"{said}; {self.cut}" if self.cut else f"{said}."

    def _outputs_sentence(self) -> str:
        written = ""
        if self.success:
            whole = self.written - self.partly
            is_all = whole == len(self.success)
            written = " (all written)" if is_all else f" ({whole:,} written, the others had nothing new)"
        return (
            f"{counted(len(self.continued), 'customer')} left the step in {self.seconds:.1f} s with "
            f"{counted(self.requests_used, 'request')}: {len(self.success):,} success{written}, "
            f"{len(self.error):,} error{self._of_errors()}, {len(self.limit):,} limit"
        )

    def _of_errors(self) -> str:
        parts = [
            f"{self.partly:,} written in part" if self.partly else "",
            f"{self.newer:,} with a newer value in Salesforce" if self.newer else "",
        ]
        said = " and ".join(filter(None, parts))
        return f" (of these {said})" if said else ""

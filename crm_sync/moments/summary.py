"""The outcome of an export of contact moments: its counts, its final state and its sentence."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import astuple, dataclass, field

from crm_sync.moments.due_store import GOES_AGAIN
from crm_sync.moments.forecast import Backlog, MomentForecast
from crm_sync.moments.results_store import RefusedMoment, ResultCounts
from crm_sync.outcomes import RefusalClass
from crm_sync.runs.counts import counted
from crm_sync.runs.states import RunState
from crm_sync.sobject import SObject

_WAITS_FOR_PULL = {RefusalClass.TARGET_DELETED.value, RefusalClass.CONVERTED.value}


@dataclass(frozen=True)
class MomentExportSummary:
    """The outcome of an export.

    `refusals`: (object, RefusalClass, code, moments) of this run's last results, `refused_moments` some of them one by
    one; `refused_in_all` counts earlier runs' refusals too, `still_refused` those alone that this run left as they are.
    `left_out`: by field, how many moments went without their value, since Salesforce refuses it; they count as refused.
    `without_record` waits until its customer has a lead or contact, `left` for another run. `limit`: why the run was
    cut, if it was.
    """

    forecast: MomentForecast
    counts: Mapping[SObject, ResultCounts]
    refusals: list[tuple[str, str, str, int]]
    refused_in_all: int
    without_record: Backlog
    left: Backlog
    requests_used: int
    seconds: float
    dry_run: bool = False
    limit: str = ""
    still_refused: int = 0
    refused_moments: Sequence[RefusedMoment] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> ResultCounts:
        """Both objects together."""
        return ResultCounts(*map(sum, zip(*map(astuple, self.counts.values()), strict=True)))

    @property
    def written(self) -> int:
        """Moments that Salesforce accepted."""
        return self.total.added + self.total.updated

    @property
    def moments_per_second(self) -> float:
        """The speed of the export."""
        return self.written / self.seconds if self.seconds else 0.0

    @property
    def to_repeat(self) -> int:
        """Moments refused for now, for a lock or a limit; the next run writes them again."""
        return self._refused(GOES_AGAIN)

    @property
    def waiting_for_pull(self) -> int:
        """Moments whose lead or contact was deleted, merged or converted after the last pull."""
        return self._refused(_WAITS_FOR_PULL)

    @property
    def refused(self) -> int:
        """Moments refused for their values or for a permission."""
        return self.total.refused - self.to_repeat - self.waiting_for_pull

    @property
    def state(self) -> RunState:
        """The name of the final state: the first thing that a person should know."""
        if self.limit:
            return RunState.CUT_BY_LIMIT
        if self.dry_run:
            return RunState.DRY_RUN
        if self.total.refused or self.still_refused:
            return RunState.WITH_REFUSALS
        return RunState.CUT_BY_CAP if self.left.moments else RunState.COMPLETED

    def sentence(self) -> str:
        """Return the outcome in one sentence."""
        if self.dry_run:
            return f"{self.forecast.sentence()}; nothing was written{self._no_record()}."
        total = self.total
        said = (
            f"{total.added:,} contact moments added to Salesforce and {total.updated:,} updated in "
            f"{self.seconds:.1f} s with {counted(self.requests_used, 'request')}"
        )
        if self.refused:
            said += f"; {self.refused:,} were refused (see moment_export)"
        if self.left_out:
            fields = ", ".join(f"{name} ({moments:,})" for name, moments in sorted(self.left_out.items()))
            said += f"; of these were written without a field that Salesforce does not take: {fields}"
        if self.still_refused:
            said += f"; {self.still_refused:,} of earlier runs are still refused (see moment_export)"
        if self.waiting_for_pull:
            said += f"; {self.waiting_for_pull:,} wait for the next pull, as their lead or contact has changed"
        if self.to_repeat:
            said += f"; {self.to_repeat:,} are tried again by the next run"
        if self.left.moments > self.to_repeat:
            said += f"; {self.left.sentence()}"
        if self.limit:
            said = f"{self.limit.rstrip('.')}; {said}"
        return f"{said}{self._no_record()}."

    def _refused(self, classes: Collection[str]) -> int:
        return sum(moments for _, row_class, _, moments in self.refusals if row_class in classes)

    def _no_record(self) -> str:
        moments = self.without_record.moments
        return f"; {moments:,} wait until their customer has a lead or contact" if moments else ""

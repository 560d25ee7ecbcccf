"""What a run of the exchange came to, and the state in which it ends."""

from dataclasses import dataclass, field

from crm_sync.exchange.collection import Account, Collected, ReadingForecast
from crm_sync.exchange.consent import ConsentDelivered
from crm_sync.exchange.outcome import Delivered
from crm_sync.runs.counts import counted
from crm_sync.runs.states import RunState


@dataclass(frozen=True)
class ExchangeSummary:
    """What was collected, written and delivered. `person_needed`: why the delivery waits for a person, if it does.

    `is_cut`: Deployteq could not be read whole, so nothing was delivered.
    """

    collected: Collected = field(default_factory=Collected)
    consent: ConsentDelivered = field(default_factory=ConsentDelivered)
    delivered: Delivered = field(default_factory=Delivered)
    calls: int = 0
    person_needed: str = ""
    dry_run: bool = False
    is_cut: bool = False
    unknown_fields: frozenset[str] = field(default_factory=frozenset)

    @property
    def state(self) -> RunState:
        """The run's final state."""
        if self.person_needed or self.delivered.waiting or self.delivered.held:
            return RunState.NEEDS_APPROVAL
        # Before the states of a run that has done its work.
        if self.problems:
            return RunState.NOT_CONFIGURED
        if self.delivered.in_doubt:
            return RunState.DEPLOYTEQ_UNAVAILABLE
        if self.delivered.refused or self.consent.refused:
            return RunState.WITH_REFUSALS
        if self.delivered.lacking:
            return RunState.WITH_MISSING_FIELDS
        return RunState.DRY_RUN if self.dry_run else RunState.COMPLETED

    @property
    def problems(self) -> list[str]:
        """What could not be done, each as a sentence."""
        return [*self.collected.problems.sentences, *self.delivered.problems.sentences]

    def sentence(self) -> str:
        """Say what happened."""
        if self.person_needed:
            return self.person_needed
        would = "would be " if self.dry_run else ""
        done = (
            f"{counted(self.delivered.made, 'customer')} {would}made and {self.delivered.updated:,} {would}updated in "
            f"Deployteq, {self.delivered.taken:,} {would}taken from there, {self.consent.noes:,} opt-outs written there"
        )
        refused = sum(self.delivered.refused.values()) + self.consent.refused
        parts = [
            *self._waiting(),
            done,
            f"{refused:,} refused" if refused else "",
            f"{self.delivered.in_doubt:,} not answered in time; a later run looks for them before it sends them again"
            if self.delivered.in_doubt
            else "",
            f"Deployteq lacks the option fields {', '.join(sorted(self.delivered.lacking))}"
            if self.delivered.lacking
            else "",
            *(sentence.rstrip(".") for sentence in self.problems),
        ]
        return "; ".join(part for part in parts if part) + f" ({counted(self.calls, 'call')})."

    def _waiting(self) -> list[str]:
        """Say first who waits for a person, and for what."""
        run, delivered = "run deployteq-exchange with 'Approve changes' ticked", self.delivered
        look = "look at those made in Deployteq, then" if delivered.made else "if so many are meant,"
        of_new = f"Approval is needed for {counted(delivered.waiting, 'new customer')}: {look} {run}"
        of_held = f"Approval is needed for {counted(delivered.held, 'customer')} with values emptied in Deployteq: if "
        of_held += f"that was meant, {run}"
        return [*([of_new] if delivered.waiting else []), *([of_held] if delivered.held else [])]


@dataclass(frozen=True)
class ReadingPlan:
    """What a reading of the whole account would take; nothing was read."""

    forecast: ReadingForecast
    state = RunState.DRY_RUN

    def sentence(self) -> str:
        """Say what would be done."""
        return (
            f"{counted(self.forecast.customers, 'customer')} in Deployteq would be read, in about "
            f"{counted(self.forecast.calls, 'call')}."
        )


@dataclass(frozen=True)
class PairingSummary:
    """What a reading of the whole account came to."""

    account: Account
    calls: int
    forecast: ReadingForecast
    first_delivery_calls: int
    is_accepted: bool
    unsafe: tuple[str, ...] = ()

    @property
    def state(self) -> RunState:
        """The run's final state."""
        return RunState.COMPLETED if self.is_accepted and not self.unsafe else RunState.NEEDS_APPROVAL

    def sentence(self) -> str:
        """Say what was found."""
        found, missing = self.account.figures, self.account.missing
        text = (
            f"{found.paired:,} of {counted(found.there, 'customer')} in Deployteq are paired; {found.only_there:,} are "
            f"only there, {found.only_here:,} only here, {counted(found.doubles, 'double')}; "
            f"{counted(self.calls, 'call')}."
        )
        if not missing.is_plausible:
            text += f" {missing.number:,} were not shown, too many to be true: nobody is taken for deleted."
        if self.unsafe:
            why = "; ".join(self.unsafe)
            return f"{text} Nothing is delivered, since Deployteq behaves otherwise than is safe: {why}."
        if not self.is_accepted:
            text += " Look at the page; if it is right, run deployteq-pairing again with 'Accept the pairing' ticked."
        return text

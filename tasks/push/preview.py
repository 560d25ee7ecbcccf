"""What a push would do, added up while its members are compared; nothing is stored or sent."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from time import monotonic

import pandas as pd
from sqlalchemy import Connection

from crm_sync.push.advice import group_causes
from crm_sync.push.audience_store import Audience
from crm_sync.push.plan import OPEN, OUTPUTS, State, count_by_field, values_of
from crm_sync.push.result import PushPreview, PushResult
from tasks.run.run import Run

_EXAMPLES = 10
_REFUSED = (State.REFUSED, State.UNREACHABLE, State.UNLINKED, State.OPT_OUT_GONE)


@dataclass
class PreviewRecorder:
    """What would become of the members so far; `in_all`: how many there are; `limit`: what cut the look short."""

    run: Run
    audience: Audience
    in_all: int
    limit: str = ""
    missing: set[str] = field(default_factory=set)
    _fields: Counter[str] = field(default_factory=Counter)
    _conflicts: Counter[str] = field(default_factory=Counter)
    _states: Counter[str] = field(default_factory=Counter)
    _refused: list[pd.DataFrame] = field(default_factory=list)
    _examples: list[str] = field(default_factory=list)
    _began: float = field(default_factory=monotonic)

    def expected(self, connection: Connection) -> int:
        """Return how many members there are."""
        return self.in_all

    def record(self, plan: pd.DataFrame) -> pd.DataFrame:
        """Count the members that would leave without a write, and return the others."""
        done = plan[plan["state"].isin(list(OUTPUTS))]
        self._states += Counter(done["state"])
        self._conflicts += count_by_field(values_of(done, "conflict"))
        refused = done[done["state"].isin(_REFUSED)]
        names = {"code": "error_code", "message": "error_message", "record_id": "salesforce_id"}
        self._refused.append(refused[list(names)].rename(columns=names))
        return plan[plan["state"].isin(OPEN)]

    def record_writes(self, plans: Iterable[pd.DataFrame]) -> None:
        """Count the records that would be written."""
        for plan in plans:
            chosen = plan[plan["state"].eq(State.TO_SEND)]
            self._states[State.TO_SEND] += len(chosen)
            self._fields += count_by_field(values_of(chosen, "send").notna())
            self._conflicts += count_by_field(values_of(chosen, "conflict"))
            self._examples += list(chosen["record_id"].head(_EXAMPLES - len(self._examples)))

    def result(self) -> PushResult:
        """Say what the push would come to."""
        refused = pd.concat(self._refused, ignore_index=True) if self._refused else pd.DataFrame()
        return PushResult(
            campaign=self.audience.campaign,
            step=self.audience.step,
            run=self.run.number,
            causes=group_causes(refused),
            conflicts=self._conflicts,
            missing=tuple(sorted(self.missing)),
            waiting=self.audience.waiting,
            requests_used=self.run.ledger.used,
            seconds=monotonic() - self._began,
            cut=self.limit,
            org_host=self.run.org.host,
            unknown_ids=self.audience.unknown_ids,
            preview=PushPreview(
                entering=len(self.audience.entering),
                to_write=self._states[State.TO_SEND],
                same=self._states[State.SAME] + self._states[State.CONFLICTING],
                refused=sum(self._states[one] for one in _REFUSED),
                fields=self._fields,
                examples=tuple(self._examples),
            ),
        )

"""What every step of an exchange shares: both sides, the settings, the clock."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from crm_sync.database.engine import CustomerDatabase
from crm_sync.deployteq.account import CLOCK_TOLERANCE, DeployteqAccount
from crm_sync.exchange.mirror_store import Reading
from crm_sync.exchange.settings import ExchangeSettings
from crm_sync.mapping.model import MappingRules


@dataclass(frozen=True)
class Exchange:
    """An open account beside the customer database; `run` is the row in `sync_run`.

    `enter_campaign`: called with a connection and the customers that are to be sent to Salesforce.
    """

    account: DeployteqAccount
    database: CustomerDatabase
    settings: ExchangeSettings
    rules: MappingRules
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    run: int | None = None
    enter_campaign: Callable[[Any, Sequence[int]], object] = lambda *_: None

    @property
    def brand(self) -> str:
        """The brand that the account is of."""
        return self.account.brand

    def reading(self, *, is_whole: bool = False) -> Reading:
        """Return the context in which customers of Deployteq are stored now."""
        ahead = self.clock_ahead
        return Reading(self.brand, self.settings, self.database.hashes, self.run, self.clock(), ahead, is_whole)

    @property
    def clock_ahead(self) -> timedelta:
        """By how much the clock of Deployteq is ahead of ours, by its last answer; nothing where that can be chance."""
        at = self.account.answered_at
        ahead = at - self.clock() if at else timedelta(0)
        return ahead if abs(ahead) > CLOCK_TOLERANCE else timedelta(0)


@dataclass
class Problems:
    """What a step could not do, each as a sentence without people's data."""

    sentences: list[str] = field(default_factory=list)

    def add(self, sentence: str) -> None:
        """Keep a sentence, once."""
        if sentence not in self.sentences:
            self.sentences.append(sentence)

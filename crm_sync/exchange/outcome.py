"""What a delivery came to, in customers."""

from collections import Counter
from dataclasses import dataclass, field

from crm_sync.exchange.exchange import Problems

# Why a customer was not sent, beside Deployteq's own codes.
ADDRESS_TOO_LONG = "address too long"


@dataclass
class Delivered:
    """The counts of a delivery.

    `waiting`: new customers that wait until a person approves; `held`: customers that wait for the same, since values
    of too many were emptied in Deployteq at once; `in_doubt`: new customers whose call was not answered in time.
    `to_salesforce`: customers that entered the campaign for Salesforce, since fields of theirs were changed there.
    `again`: customers deleted there that are to be made again by choice; `grouped`: customers put into the group of
    joined ones. `reported`: customers by field that was changed in Deployteq and is only reported.
    """

    made: int = 0
    updated: int = 0
    taken: int = 0
    conflicts: int = 0
    found: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    gone: int = 0
    cleaned: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    waiting: int = 0
    held: int = 0
    in_doubt: int = 0
    to_salesforce: int = 0
    again: int = 0
    grouped: int = 0
    problems: Problems = field(default_factory=Problems)
    reported: Counter[str] = field(default_factory=Counter)
    lacking: frozenset[str] = frozenset()
    calls: int = 0
    calls_forecast: int = 0

    def refuse(self, codes: dict[int, str]) -> None:
        """Count what was refused, by code."""
        self.refused.update(codes.values())

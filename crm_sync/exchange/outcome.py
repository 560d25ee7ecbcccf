"""What a delivery came to, in customers."""

from dataclasses import dataclass, field

# Why a customer was not sent, beside Deployteq's own codes.
ADDRESS_TOO_LONG = "address too long"


@dataclass
class Delivered:
    """The counts of a delivery.

    `waiting`: new customers that wait until a person approves; `held`: customers that wait for the same, since values
    of too many were emptied in Deployteq at once.
    """

    made: int = 0
    updated: int = 0
    taken: int = 0
    conflicts: int = 0
    found: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    gone: int = 0
    cleaned: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    waiting: int = 0
    held: int = 0
    lacking: frozenset[str] = frozenset()
    calls: int = 0
    calls_forecast: int = 0

    def leave_out(self, fields: dict[str, int]) -> None:
        """Count values that do not fit, by field."""
        for name, number in fields.items():
            if number:
                self.left_out[name] = self.left_out.get(name, 0) + number

    def refuse(self, codes: dict[int, str]) -> None:
        """Count what was refused, by code."""
        for code in codes.values():
            self.refused[code] = self.refused.get(code, 0) + 1

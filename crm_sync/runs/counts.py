"""What became of the records of a batch or a run."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Counts:
    """Records by outcome; read = inserted + updated + unchanged + superseded + rejected + deleted."""

    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    superseded: int = 0
    rejected: int = 0
    deleted: int = 0
    # Fields that were changed here and in Salesforce, where Salesforce won; no record by itself.
    conflicts: int = 0
    # Of the rejected ones, those of people who were erased.
    erased: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        """Add outcome by outcome."""
        mine, theirs = asdict(self), asdict(other)
        return Counts(**{outcome: mine[outcome] + theirs[outcome] for outcome in mine})

    @property
    def written(self) -> int:
        """How many records changed a customer."""
        return self.inserted + self.updated


_MANY = {"person": "people", "withdrawal of consent": "withdrawals of consent"}


def counted(number: int, one: str) -> str:
    """Say how many there are, of one or of more."""
    return f"{number:,} {one}" if number == 1 else f"{number:,} {_MANY.get(one, one + 's')}"

"""What was measured at an account."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from crm_sync.database.dialects import put_row
from crm_sync.database.tables.deployteq import deployteq_probe

# The question whose answer is a list of names.
LACKING = "linked option fields that the brand lacks"
CLEARING = "a field is cleared"
# What empties a field, by the answer to that question.
CLEARS: dict[str, str | None] = {"by empty text": "", "by nil": None}


@dataclass(frozen=True)
class Finding:
    """The answer to a question that Deployteq's documentation leaves open; nothing is delivered on an unsafe one."""

    question: str
    answer: str
    is_safe: bool = True

    @property
    def words(self) -> str:
        """The answer as a page has it."""
        return ", ".join(json.loads(self.answer)) or "none" if self.question == LACKING else self.answer


def keep_findings(connection: Connection, brand: str, findings: Sequence[Finding], now: datetime) -> None:
    """Keep the answers, in place of earlier ones."""
    for one in findings:
        values = {"answer": one.answer, "is_safe": one.is_safe, "asked_at": now}
        put_row(connection, deployteq_probe, {"brand": brand, "question": one.question}, values)


def missing_options(connection: Connection, brand: str) -> set[str]:
    """Return the linked option fields that the brand lacked when its fields were last looked at."""
    probed = deployteq_probe.c
    query = select(probed.answer).where(probed.brand == brand, probed.question == LACKING)
    return {*json.loads(connection.scalar(query) or "[]")}


def clearing_value(connection: Connection, brand: str) -> str | None:
    """Return what empties a field there, as it was measured."""
    probed = deployteq_probe.c
    query = select(probed.answer).where(probed.brand == brand, probed.question == CLEARING)
    return CLEARS.get(connection.scalar(query) or "", "")


def unsafe_findings(connection: Connection, brand: str) -> list[str]:
    """Return the questions with an unsafe answer, each with the answer."""
    probed = deployteq_probe.c
    query = select(probed.question, probed.answer).where(probed.brand == brand, ~probed.is_safe)
    return [f"{row.question}: {row.answer}" for row in connection.execute(query.order_by(probed.question))]

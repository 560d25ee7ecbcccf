"""Additions to the obvious rule, *a later yes by a side that knew*, are needed by the flows: else noes are lost.

`test_property.py` shows it of all three by chance, for which it takes some thousand sequences; these are short stories
over HTTP of each.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import pytest
from sqlalchemy import text

from crm_sync.consent.record_store import record_consent
from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.customers import salesforce_record
from standins.salesforce.http.faults import Fault, Faults
from standins.salesforce.soql.sql import stamp
from tests.consent.world import Part
from tests.rigs.ageing import let_all_age
from tests.rigs.org import Rig, start_rig

pytestmark = pytest.mark.flow
ADA = "ada@planted.example"

_TRIGGERS = {
    # A no stays as old as it was when it was first seen.
    Part.MOVING_STAMPS: """
        CREATE TRIGGER without_part AFTER UPDATE OF not_after ON address_consent WHEN NEW.not_after > OLD.not_after
        BEGIN
            UPDATE address_consent SET not_after = OLD.not_after, seen_at = OLD.seen_at WHERE id = OLD.id;
        END""",
    # Of the noes of an address only the latest is kept.
    Part.EACH_NO: """
        CREATE TRIGGER without_part AFTER INSERT ON address_consent
        BEGIN
            DELETE FROM address_consent WHERE address_hash = NEW.address_hash AND id <> NEW.id;
        END""",
}


class _Stale(Faults):
    """Lets a look at named records find them as they were when a pull read them last."""

    def __init__(self, rig: Rig) -> None:
        super().__init__()
        self._rig = rig

    def due(self, method: str, path: str, *, inner: bool = False) -> Fault | None:
        if inner and "Id IN" in unquote_plus(path):
            for row in self._rig.rows(salesforce_record):
                was = {"SystemModstamp": stamp(row["system_modstamp"])}
                self._rig.org.records.recalculate(row["sobject"], row["id"], was)
        return super().due(method, path, inner=inner)


@dataclass
class Ada:
    """Ada, her contacts in Salesforce, and the flows; `without`: the part of the rule that is taken out of them."""

    rig: Rig
    database: CustomerDatabase
    without: Part | None

    def begin(self) -> None:
        """Take the part out."""
        self.rig.sync()
        if self.without is Part.LOOK:
            self.rig.org.faults = _Stale(self.rig)
        if self.without in _TRIGGERS:
            with self.database.transaction() as connection:
                connection.execute(text(_TRIGGERS[self.without]))

    def contact(self, *, no: bool) -> str:
        """Add a contact with her address."""
        values = {"LastName": "Lovelace", "Email": ADA, "HasOptedOutOfEmail": no}
        return self.rig.org.records.insert("Contact", values)

    def edit(self, one: str, **values: Any) -> None:
        """Let a user edit a contact."""
        self.rig.org.records.update("Contact", one, values)

    def says(self, word: str) -> None:
        """Let her say yes or no here."""
        record_consent(self.database, ADA, word, datetime.now(UTC))

    def wait(self, minutes: int = 30) -> None:
        """Let time pass for both sides."""
        let_all_age(self.rig, minutes=minutes)

    def pull(self) -> None:
        """Let time pass, and a pull run."""
        self.wait()
        self.rig.pull()

    def is_mailable(self) -> bool:
        """Return what the view for marketers says."""
        with self.database.transaction() as connection:
            return bool(connection.scalar(text("SELECT is_mailable FROM customer_mailable")))


def un_ticked_beside_another(ada: Ada) -> None:
    """Let a user un-tick one of two contacts that say no."""
    ada.contact(no=True)
    other = ada.contact(no=False)
    ada.pull()
    ada.says("no")
    ada.pull()
    ada.pull()
    ada.edit(other, HasOptedOutOfEmail=False)
    ada.pull()


def said_again_before_the_yes_was_written(ada: Ada) -> None:
    """Let her yes wait for the next run, and a user say no again meanwhile."""
    one = ada.contact(no=True)
    ada.pull()
    ada.says("yes")
    ada.rig.org.refusals.add(one, times=9, code="FIELD_CUSTOM_VALIDATION_EXCEPTION", message="Ask the owner first")
    ada.pull()
    ada.rig.org.refusals.clear()
    ada.wait()
    ada.edit(one, Phone="020-1")
    ada.pull()


def said_again_after_her_yes(ada: Ada) -> None:
    """Let a user edit a contact that says no after her yes: it may have said it again."""
    one = ada.contact(no=True)
    ada.pull()
    ada.says("yes")
    ada.wait()
    ada.edit(one, Phone="020-1")
    ada.pull()


STORIES = {
    Part.MOVING_STAMPS: said_again_after_her_yes,
    Part.EACH_NO: un_ticked_beside_another,
    Part.LOOK: said_again_before_the_yes_was_written,
}


@pytest.fixture
def rig(tmp_path: Path, sqlite_url: str) -> Iterator[Rig]:
    """Start an org without anybody."""
    with start_rig(tmp_path, sqlite_url, people=0) as started:
        yield started


@pytest.mark.parametrize("is_whole", [True, False], ids=["whole", "without"])
@pytest.mark.parametrize("part", STORIES)
def test_no_is_kept_by_the_flows_and_lost_without_a_part_of_the_rule(rig: Rig, part: Part, is_whole: bool) -> None:
    ada = Ada(rig, rig.customers.open(), None if is_whole else part)
    ada.begin()
    STORIES[part](ada)
    assert ada.is_mailable() is not is_whole
    ada.database.close()

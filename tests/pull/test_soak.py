"""Hundreds of pulls while the org changes at random and much goes wrong, against a reckoning of its own.

Each run has dice of its own; a failure names their seed. SOAK_SEED=… replays it, SOAK_CYCLES=… makes it longer.
"""

import os
import random
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from crm_sync.database.tables.customers import customer, rejected_record, salesforce_record
from crm_sync.errors import SyncError
from standins.salesforce.errors import RecordError
from standins.salesforce.http.faults import Fault
from standins.salesforce.org.pending import Pending
from standins.salesforce.people.daily_life import DailyLife
from tests.rigs.kills import KilledError, KillPoint, killed_at
from tests.rigs.org import Rig, start_rig
from tests.rigs.pulls import by_unique_field

pytestmark = [pytest.mark.flow, pytest.mark.deeper, pytest.mark.both]

Row = dict[str, Any]

_FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("reset", {}),
    ("reset_after", {}),
    ("truncate", {"keep": 200}),
    ("html", {"status": 503}),
    ("expire_session", {}),
    (
        "status",
        {"status": 400, "inner": True, "path": "quer", "body": [{"errorCode": "QUERY_TIMEOUT", "message": "-"}]},
    ),
)


class World:
    """The org, and what happens in it."""

    def __init__(self, rig: Rig, dice: random.Random) -> None:
        """Start with whoever is in the org."""
        self.rig, self.dice, self.life = rig, dice, DailyLife(rig.org, dice, addresses=25)
        self.open: list[tuple[int, Pending]] = []
        # By Id: when somebody else than a pull changed a record last, and the stamps that the last pull left.
        self.edited: dict[str, str] = {}
        self.left: dict[str, str] = {}

    def pull(self) -> None:
        """Pull; what it writes to records, such as a no, is nobody's edit."""
        self.edited |= {number: stamp for number, stamp in self._stamps() if stamp != self.left.get(number)}
        try:
            total = self.rig.pull().total
        finally:
            self.left = dict(self._stamps())
        outcomes = (total.inserted, total.updated, total.unchanged, total.superseded, total.rejected, total.deleted)
        assert (total.read, min(*outcomes, 0)) == (sum(outcomes), 0)

    def _stamps(self) -> list[tuple[str, str]]:
        return [(row["Id"], row["SystemModstamp"]) for name in ("Lead", "Contact") for row in self.rig.people(name)]

    def turn(self) -> None:
        """Let a few things happen; some are seen only minutes later."""
        self.open = [(left - 1, pending) for left, pending in self.open]
        for _, pending in [one for one in self.open if one[0] <= 0]:
            with suppress(RecordError):  # what it is about may be gone by now
                pending.commit()
        self.open = [one for one in self.open if one[0] > 0]
        late = self.rig.org.pending()
        for _ in range(self.dice.randint(0, 6)):
            name, *arguments = self.life.next_change()
            with suppress(RecordError):  # converted leads cannot be changed, and so on
                if self.dice.random() < 0.15:
                    late.call(name, *arguments)
                else:
                    getattr(self.rig.org.records, name)(*arguments)
        self.open.append((1, late))

    def come_to_rest(self) -> None:
        """Let everything be seen, and nothing go wrong any more."""
        self.rig.org.faults.clear()
        for _, pending in self.open:
            with suppress(RecordError):
                pending.commit()


def _go_wrong(rig: Rig, dice: random.Random) -> AbstractContextManager[None]:
    """Let an answer be broken now and then; return what may kill the pull."""
    rig.org.faults.clear()
    if dice.random() < 0.2:
        action, about = dice.choice(_FAULTS)
        rig.org.faults.add(Fault(action, **{"path": "/composite", "nth": dice.randint(1, 2), **about}))  # type: ignore[arg-type]
    if dice.random() < 0.1:
        statement = dice.choice(["INSERT INTO salesforce_record", "UPDATE watermark"])
        return killed_at(KillPoint(statement, dice.choice(["statement", "before"])))
    return nullcontext()


def _reckon(world: World, unique: str) -> dict[str, dict[str, Row]]:
    """Return each key's source record, from nothing but what the org holds in the end.

    By Id, and several where a pull has written to a record that is not the newest by its edits: what was written before
    an edit was read cannot be told from the edit, what was written after it can.
    """
    of_key: dict[str, list[tuple[int, Row]]] = {}
    for sobject in ("Lead", "Contact"):
        for record in world.rig.people(sobject):
            key = _key(record, unique)
            if not record["IsDeleted"] and key:
                rank = 2 if sobject == "Contact" else 1 - bool(record["IsConverted"])
                of_key.setdefault(key, []).append((rank, record))
    speakers = {}
    for key, ranked in of_key.items():
        best = [record for rank, record in ranked if rank == max(ranked, key=lambda one: one[0])[0]]
        newest = max((world.edited[record["Id"]], record["Id"]) for record in best)
        speakers[key] = {one["Id"]: one for one in best if (one["SystemModstamp"], one["Id"]) >= newest}
    return speakers


def _key(record: Row, unique: str) -> str:
    if unique == "Id":
        return str(record.get("ConvertedContactId") or record["Id"])
    return (record["Email"] or "").strip().casefold()


def _reckon_joined(rig: Rig, unique: str, speakers: dict[str, Row]) -> dict[str, str]:
    """Return the keys whose only source is a converted lead with a contact of another key, and that key."""
    contacts = {record["Id"]: record for record in rig.people("Contact")}
    joined = {}
    for key, record in speakers.items():
        contact = contacts.get(record.get("ConvertedContactId") or "")
        while contact and contact["IsDeleted"]:
            contact = contacts.get(contact["MasterRecordId"] or "")
        if contact and _key(contact, unique) not in {"", key}:
            joined[key] = _key(contact, unique)
    return joined


def _compare(world: World, unique: str) -> None:
    rig = world.rig
    found = {row["unique_key"]: row for row in rig.rows(customer)}
    expected = {
        key: sources.get(found[key]["salesforce_id"]) or [*sources.values()][-1] if key in found else {}
        for key, sources in _reckon(world, unique).items()
    }
    is_spoken_for = {
        key
        for key, row in found.items()
        if row["deleted_in_salesforce_at"] is None and not row["merged_into_customer_id"]
    }
    joined = _reckon_joined(rig, unique, expected)
    assert is_spoken_for == expected.keys() - joined.keys()
    for key, other in joined.items():
        row = found[key]
        assert (row["merged_into_customer_id"], row["mail_status"]) == (found[other]["id"], "INACTIVE"), key
    for key, record in expected.items():
        row = found[key]
        status = "Customer" if record["Id"].startswith("003") else "Prospect"
        facts = (record["Id"], record["LastName"], not record["HasOptedOutOfEmail"], status)
        assert (row["salesforce_id"], row["lastname"], row["opt_in"], row["status"]) == facts, key
    _compare_records(rig, unique)


def _compare_records(rig: Rig, unique: str) -> None:
    """Hold the mirror, and the records that cannot be used, against the org."""
    people = [record for sobject in ("Lead", "Contact") for record in rig.people(sobject)]
    mirror = {row["id"]: (row["system_modstamp"], row["is_deleted"]) for row in rig.rows(salesforce_record)}
    assert mirror == {row["Id"]: (datetime.fromisoformat(row["SystemModstamp"]), row["IsDeleted"]) for row in people}
    unusable = {row["Id"] for row in people if not row["IsDeleted"] and not (row["Email"] or unique == "Id")}
    assert {row["id"] for row in rig.rows(rejected_record)} == unusable


@pytest.mark.parametrize(
    ("database_url", "unique", "cycles", "cycles_if_long"),
    [("sqlite", "Email", 8, 800), ("postgresql", "Id", 4, 200)],
    indirect=["database_url"],
)
def test_whatever_happens_customers_are_what_the_org_holds(
    tmp_path: Path,
    database_url: str,
    unique: str,
    cycles: int,
    cycles_if_long: int,
    is_long_run: bool,
) -> None:
    seed = int(os.environ.get("SOAK_SEED") or random.SystemRandom().randrange(10**8))
    cycles = int(os.environ.get("SOAK_CYCLES") or (cycles_if_long if is_long_run else cycles))
    dice = random.Random(seed)  # noqa: S311  # dice, no secret
    with start_rig(tmp_path, database_url, people=30) as rig:
        rig.mapping = by_unique_field(unique)
        rig.sync()
        world = World(rig, dice)
        rig.org.settings.page_size = 5
        try:
            for _ in range(cycles):
                rig.clock.move(minutes=dice.choice([1, 10, 10, 10]))
                world.turn()
                with suppress(SyncError, KilledError), _go_wrong(rig, dice):
                    world.pull()
            world.come_to_rest()
            # The first may write a no to records of its person; the second reads their new stamps.
            world.pull()
            world.pull()
            _compare(world, unique)
        except Exception as difference:
            difference.add_note(f"replay it with SOAK_SEED={seed} SOAK_CYCLES={cycles}")
            raise

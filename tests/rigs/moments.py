"""An org with the contact moment objects, people in it, and moments in the customer database to be exported."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from prefect.client.schemas.objects import State
from sqlalchemy import Table

from crm_sync.database.tables.customers import customer
from crm_sync.database.tables.moments import contact_moment, moment_export
from crm_sync.moments.objects import MomentObjects
from crm_sync.moments.record_store import record_moments
from crm_sync.moments.summary import MomentExportSummary
from crm_sync.sobject import SObject
from flows.contact_moment_export import contact_moment_export
from standins.salesforce.schema.common_fields import reference
from standins.salesforce.schema.custom_objects import custom_object
from standins.salesforce.schema.fields import Field
from tests.rigs.org import Rig, start_rig

OBJECTS = MomentObjects()
LEADS, CONTACTS = OBJECTS.both
SENT = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
_TYPES = {"_at": "datetime", "opens": "double", "clicks": "double", "online_version": "url"}
# What a field holds, where the column of contact_moment has another name.
_COLUMNS = {"online_version": "online_version_url"}
# With more than six requests by collections, a Bulk job takes fewer, also when it is looked at twice.
BULKY = 6_500
Row = dict[str, Any]


@dataclass
class MomentRig:
    """An org with people, and a customer database whose moments are exported to it."""

    rig: Rig

    def lead(self, name: str, **fields: Any) -> str:
        """Add a lead with an e-mail address of that name, and return its Id."""
        return self._person("Lead", name, {"Company": "Analytical"} | fields)

    def contact(self, name: str, **fields: Any) -> str:
        """Add a contact with an e-mail address of that name, and return its Id."""
        return self._person("Contact", name, fields)

    def pull(self) -> None:
        """Bring the org's people into the customer database."""
        self.rig.sync()
        self.rig.org.journal.clear()

    def record(self, *moments: Row, now: datetime = NOW) -> int:
        """Record moments; `of` names their customer, who has to be in the customer database."""
        ids = {row["email_address"]: row["id"] for row in self.rig.rows(customer)}
        rows = [
            {"sent_at": SENT, "subject": "News", **{k: v for k, v in moment.items() if k != "of"}}
            | {"customer_id": ids.get(_address(moment["of"]), 999_999)}
            for moment in moments
        ]
        with closing(self.rig.customers.open()) as database:
            return record_moments(database, rows, now)

    def record_many(self, number: int, *names: str, **known: Any) -> None:
        """Record so many moments, of these customers in turn."""
        self.record(*({"moment_id": f"m{n:05}", "of": names[n % len(names)], **known} for n in range(number)))

    def export(self, **options: Any) -> MomentExportSummary:
        """Run the flow as a Python caller does; raises what the caller gets."""
        summary: MomentExportSummary = contact_moment_export(self.rig.salesforce, self.rig.customers, **options)
        return summary

    def state(self, **options: Any) -> State[MomentExportSummary]:
        """Run the flow and return its final state, as the Prefect UI shows it."""
        state: State[MomentExportSummary] = contact_moment_export(
            self.rig.salesforce, self.rig.customers, **options, return_state=True
        )
        return state

    def shown(self, sobject: SObject) -> dict[str, Row]:
        """Return the moments that the org shows on leads or on contacts, by moment id; none is there twice."""
        one = OBJECTS.of(sobject)
        rows = [row for row in self.rig.people(one.name) if not row["IsDeleted"]]
        found = {row[one.moment_id]: row for row in rows}
        assert len(found) == len(rows), "a moment is in the org twice"
        return found

    def parents(self, sobject: SObject) -> dict[str, str]:
        """Return the lead or contact of each moment that the org shows."""
        return {moment: row[OBJECTS.of(sobject).lookup] for moment, row in self.shown(sobject).items()}

    def ids(self) -> dict[str, str]:
        """Return the Salesforce Ids of the moments that the org shows, by moment id."""
        return {moment: row["Id"] for sobject in SObject for moment, row in self.shown(sobject).items()}

    def exports(self) -> dict[str, Row]:
        """Return the stored exports by moment; no moment went to both objects."""
        rows = self.rows(moment_export)
        assert len({row["moment_id"] for row in rows}) == len(rows)
        return {row["moment_id"]: row for row in rows}

    def moments(self) -> dict[str, Row]:
        """Return the moments of the database."""
        return {row["moment_id"]: row for row in self.rows(contact_moment)}

    def rows(self, table: Table) -> list[Row]:
        """Return the rows of a table."""
        return self.rig.rows(table)

    def kinds(self) -> list[str]:
        """Return the kinds of requests that the org got since the last call."""
        found = self.rig.requests()
        self.rig.org.journal.clear()
        return found

    def assert_nothing_twice_nothing_lost(self) -> None:
        """Hold the org's moments against the database's: each one once, on its customer's record, value by value."""
        here = self.moments()
        leads, contacts = self.shown(SObject.LEAD), self.shown(SObject.CONTACT)
        assert not set(leads) & set(contacts), "a moment is on a lead and on a contact"
        assert set(leads) | set(contacts) == set(here)
        records = {row["id"]: row["salesforce_id"] for row in self.rig.rows(customer)}
        for sobject, found in ((SObject.LEAD, leads), (SObject.CONTACT, contacts)):
            one = OBJECTS.of(sobject)
            for moment_id, row in found.items():
                recorded = here[moment_id]
                assert row[one.lookup] == records[recorded["customer_id"]], moment_id
                assert {holds: row[name] for holds, name in one.fields.items()} == _as_shown(recorded), moment_id

    def _person(self, sobject: str, name: str, fields: Row) -> str:
        values = {"LastName": name.title(), "Email": _address(name), **fields}
        return self.rig.org.records.insert(sobject, values)


def opened(times: int, *, days: int = 1) -> Row:
    """Return the columns of a moment that was opened so often, the last time so many days after it was sent."""
    last = SENT + timedelta(days=days)
    return {"first_opened_at": SENT + timedelta(hours=1), "last_opened_at": last, "opens": times}


def add_moment_objects(
    rig: Rig, objects: MomentObjects = OBJECTS, *, without: tuple[str, ...] = (), keyed: bool = True
) -> None:
    """Put the two objects into the org, perhaps without some fields, or with a key that is no external id."""
    for one in objects.both:
        fields = [reference(one.lookup, "Person", str(one.parent))]
        for holds, name in one.fields.items():
            kind = next((kind for ending, kind in _TYPES.items() if holds.endswith(ending)), "string")
            is_key = holds == "moment_id" and keyed
            fields.append(Field(name, name, kind, 64 if is_key else 255, external_id=is_key, unique=is_key))
        rig.org.add_object(custom_object(one.name, "Moment", *(one for one in fields if one.name not in without)))


@contextmanager
def start_moment_rig(folder: Path, url: str) -> Iterator[MomentRig]:
    """Start an org with the objects and without people."""
    with start_rig(folder, url, people=0) as rig:
        add_moment_objects(rig)
        yield MomentRig(rig)


@contextmanager
def two_known_people(folder: Path, database_url: str) -> Iterator[MomentRig]:
    """Give an org with a lead, ada, and a contact, grace, who are customers here."""
    with start_rig(folder, database_url, people=0, prepare=_two_people) as rig:
        yield MomentRig(rig)


def _two_people(rig: Rig) -> None:
    add_moment_objects(rig)
    moments = MomentRig(rig)
    moments.lead("ada")
    moments.contact("grace")
    moments.pull()


def _as_shown(recorded: Row) -> Row:
    """Return the values of a moment as the org shows them; opens by machines are not among them."""
    values = {holds: recorded.get(_COLUMNS.get(holds, holds)) for holds in CONTACTS.fields}
    return {
        holds: f"{value:%Y-%m-%dT%H:%M:%S}.000Z" if isinstance(value, datetime) else value
        for holds, value in values.items()
    }


def _address(name: str) -> str:
    return f"{name}@planted.example"

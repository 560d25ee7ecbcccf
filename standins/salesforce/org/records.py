"""The org's records: one SQLite table per sObject, written and stamped as Salesforce does."""

# ruff: noqa: S608 - table and column names come from our own schema
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from typing import Literal as OneOf

from standins.salesforce.errors import RecordError
from standins.salesforce.ids import full_id, make_id
from standins.salesforce.org.address_picklists import synced
from standins.salesforce.org.conversion import MAPPED_ON_CONVERSION
from standins.salesforce.org.snapshot import Snapshot
from standins.salesforce.org.tables import column_of, table_of
from standins.salesforce.org.validation import check_values
from standins.salesforce.schema.fields import COMPOUND, SObject
from standins.salesforce.soql.sql import Statement, Value, stamp


class Records:
    """The records of all sObjects, with stamps, the recycle bin, lead conversion and merges."""

    def __init__(self, path: Path, schema: Mapping[str, SObject], user_id: str, clock: Callable[[], datetime]) -> None:
        """Open the database at `path`, and make the tables that it lacks."""
        self._path = path
        self._schema: dict[str, SObject] = {}
        self._user_id = user_id
        self._clock = clock
        self._lock = threading.RLock()
        self._numbers: dict[str, int] = {}
        self._found_by: set[tuple[str, str]] = set()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -200000;"
        )
        for sobject in schema.values():
            self.add_table(sobject)

    def add_table(self, sobject: SObject) -> None:
        """Make the table of an sObject, or add the columns that it lacks."""
        self._schema[sobject.name] = sobject
        with self._lock:
            self._database.executescript(table_of(sobject))
            # Generated columns are hidden from the plainer table_info.
            there = {name for _, name, *_ in self._database.execute(f'PRAGMA table_xinfo("{sobject.name}")')}
            for field in sobject:
                if field.type not in COMPOUND and field.name not in there:
                    self._database.execute(f'ALTER TABLE "{sobject.name}" ADD COLUMN {column_of(field)}')

    def redefine(self, sobject: SObject) -> None:
        """Check values against another definition of an sObject's fields from now on."""
        self._schema[sobject.name] = sobject

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Undo everything inside of it when an error leaves it; transactions may hold others."""
        with self._lock:
            self._database.execute("SAVEPOINT step")
            try:
                yield
            except BaseException:
                self._database.execute("ROLLBACK TO step")
                raise
            finally:
                self._database.execute("RELEASE step")

    def snapshot(self, statement: Statement) -> Snapshot:
        """Return the records that `statement` chooses, as they are now and will stay in the snapshot."""
        return Snapshot(self._path, statement)

    def count(self, sobject: str) -> int:
        """Return how many records there are outside of the recycle bin."""
        found: int = self._database.execute(f'SELECT COUNT(*) FROM "{sobject}" WHERE IsDeleted = 0').fetchone()[0]
        return found

    def get(self, sobject: str, record_id: str) -> dict[str, Any]:
        """Return all stored values; raise RecordError INVALID_CROSS_REFERENCE_KEY for an unknown Id."""
        cursor = self._database.execute(f'SELECT * FROM "{sobject}" WHERE Id = ?', (full_id(record_id),))
        row = cursor.fetchone()
        if row is None:
            raise RecordError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        return {name: value for (name, *_), value in zip(cursor.description, row, strict=True) if name != "n"}

    def state(self, sobject: str, record_id: str) -> OneOf["there", "deleted", "converted"]:
        """Return a record's state; raise RecordError INVALID_CROSS_REFERENCE_KEY for an unknown Id."""
        converted = "IsConverted" if self._schema[sobject].field("IsConverted") else "0"
        cursor = self._database.execute(f'SELECT IsDeleted, {converted} FROM "{sobject}" WHERE Id = ?', (record_id,))
        row = cursor.fetchone()
        if row is None:
            raise RecordError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        return "deleted" if row[0] else "converted" if row[1] else "there"

    def find(self, sobject: str, field: str, value: Value) -> list[str]:
        """Return the Ids of the records outside of the recycle bin that hold `value` in `field`."""
        with self._lock:
            # Made when first needed: an index for each field that could be a key makes seeding slow.
            if (sobject, field) not in self._found_by:
                self._found_by.add((sobject, field))
                self._database.execute(f'CREATE INDEX IF NOT EXISTS "{sobject}_{field}" ON "{sobject}" ("{field}")')
            rows = self._database.execute(f'SELECT Id FROM "{sobject}" WHERE "{field}" = ? AND IsDeleted = 0', (value,))
            return [record_id for (record_id,) in rows]

    def insert(self, sobject: str, values: Mapping[str, Any], *, at: datetime | None = None) -> str:
        """Add a record, stamped now or `at`, and return its Id; raise RecordError for bad values."""
        kind = self._schema[sobject]
        checked = synced(kind, check_values(kind, values, inserting=True), {}, inserting=True)
        with self._lock:
            self._check_unique(kind, checked, None)
            number = self._next_number(sobject)
            record_id = make_id(kind.prefix, number)
            row = {"n": number, **self._born(record_id, at), **checked}
            names, marks = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
            self._database.execute(f'INSERT INTO "{sobject}" ({names}) VALUES ({marks})', tuple(row.values()))
        return record_id

    def load(
        self, sobject: str, columns: Sequence[str], rows: Iterable[Sequence[Value]], *, replacing: bool = False
    ) -> None:
        """Add rows as they are, unchecked; for seeding, and for values that no API lets in."""
        names = ", ".join(f'"{name}"' for name in columns)
        marks = ", ".join("?" * len(columns))
        insert = "INSERT OR REPLACE" if replacing else "INSERT"
        with self.transaction():
            self._database.executemany(f'{insert} INTO "{sobject}" ({names}) VALUES ({marks})', rows)

    def copy(self, sobject: str, expressions: Mapping[str, str], parameters: Mapping[str, Value], upto: int) -> None:
        """Add a row for each record up to number `upto`, its columns worked out from theirs; for seeding."""
        names = ", ".join(f'"{name}"' for name in expressions)
        values = ", ".join(expressions.values())
        with self._lock:
            self._database.execute(
                f'INSERT INTO "{sobject}" ({names}) SELECT {values} FROM "{sobject}" WHERE n <= :upto',
                {**parameters, "upto": upto},
            )

    def update(self, sobject: str, record_id: str, values: Mapping[str, Any], *, at: datetime | None = None) -> None:
        """Change a record and stamp it; raise RecordError for what Salesforce refuses."""
        checked = check_values(self._schema[sobject], values, inserting=False)
        with self._lock:
            current = self._live(sobject, record_id)
            if current.get("IsConverted"):
                raise RecordError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
            checked = synced(self._schema[sobject], checked, current, inserting=False)
            self._check_unique(self._schema[sobject], checked, current["Id"])
            self._write(sobject, current["Id"], checked, at)

    def recalculate(self, sobject: str, record_id: str, values: Mapping[str, Value]) -> None:
        """Give formulas and roll-ups of a record other values; it keeps its stamp."""
        with self._lock:
            assignments = ", ".join(f'"{name}" = ?' for name in values)
            self._database.execute(
                f'UPDATE "{sobject}" SET {assignments} WHERE Id = ?', (*values.values(), full_id(record_id))
            )

    def delete(self, sobject: str, record_id: str, *, at: datetime | None = None) -> None:
        """Put a record into the recycle bin."""
        with self._lock:
            self._write(sobject, self._live(sobject, record_id)["Id"], {"IsDeleted": 1}, at)

    def undelete(self, sobject: str, record_id: str, *, at: datetime | None = None) -> None:
        """Take a record out of the recycle bin; raise RecordError UNDELETE_FAILED when it is not in there."""
        with self._lock:
            if not self.get(sobject, record_id)["IsDeleted"]:
                raise RecordError("UNDELETE_FAILED", "Entity is not in the recycle bin")
            self._write(sobject, record_id, {"IsDeleted": 0, "MasterRecordId": None}, at)

    def purge(self, sobject: str, record_id: str) -> None:
        """Remove a record for good, as when the recycle bin is emptied."""
        with self._lock:
            self._database.execute(f'DELETE FROM "{sobject}" WHERE Id = ?', (full_id(record_id),))

    def merge(self, sobject: str, master_id: str, *loser_ids: str, at: datetime | None = None) -> None:
        """Fold losers into the master: they go to the recycle bin and point to it; it is stamped."""
        with self._lock:
            master = self._live(sobject, master_id)["Id"]
            for loser_id in loser_ids:
                loser = self._live(sobject, loser_id)["Id"]
                self._write(sobject, loser, {"IsDeleted": 1, "MasterRecordId": master}, at)
            self._write(sobject, master, {}, at)

    def convert(self, lead_id: str, contact_id: str | None = None, *, at: datetime | None = None) -> str:
        """Convert a lead into a new contact, or fill the empty fields of an existing one; return its Id."""
        with self._lock:
            lead = self._live("Lead", lead_id)
            if lead["IsConverted"]:
                raise RecordError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
            given = {new: lead[old] for old, new in MAPPED_ON_CONVERSION.items() if lead[old] is not None}
            contact_id = self._converted_contact(contact_id, given, lead["Company"], at)
            account_id = self.get("Contact", contact_id)["AccountId"]
            converted = {
                "IsConverted": 1,
                "Status": "Closed - Converted",
                "ConvertedDate": (at or self._clock()).date().isoformat(),
                "ConvertedContactId": contact_id,
                "ConvertedAccountId": account_id,
            }
            self._write("Lead", lead["Id"], converted, at)
            return contact_id

    def _converted_contact(
        self, contact_id: str | None, given: dict[str, Any], company: str, at: datetime | None
    ) -> str:
        if contact_id is None:
            contact_id = self.insert("Contact", {"LastName": given["LastName"]}, at=at)
            current: dict[str, Any] = {}
        else:
            current = self._live("Contact", contact_id)
        filled = {name: value for name, value in given.items() if current.get(name) is None}
        if not current.get("AccountId"):
            filled["AccountId"] = self.insert("Account", {"Name": company}, at=at)
        self._write("Contact", contact_id, filled, at)
        return contact_id

    def _next_number(self, sobject: str) -> int:
        """Salesforce gives no Id twice, not even that of a record which is gone for good."""
        highest = self._database.execute(f'SELECT COALESCE(MAX(n), 0) FROM "{sobject}"').fetchone()[0]
        self._numbers[sobject] = max(highest, self._numbers.get(sobject, 0)) + 1
        return self._numbers[sobject]

    def _check_unique(self, kind: SObject, values: Mapping[str, Value], own_id: str | None) -> None:
        for name, value in values.items():
            field = kind.field(name)
            if field is None or not field.unique or value is None:
                continue
            others = [record_id for record_id in self.find(kind.name, name, value) if record_id != own_id]
            if others:
                message = f"duplicate value found: {name} duplicates value on record with id: {others[0]}"
                raise RecordError("DUPLICATE_VALUE", message, name)

    def _live(self, sobject: str, record_id: str) -> dict[str, Any]:
        found = self.get(sobject, record_id)
        if found["IsDeleted"]:
            raise RecordError("ENTITY_IS_DELETED", "entity is deleted")
        return found

    def _write(self, sobject: str, record_id: str, values: Mapping[str, Value], at: datetime | None) -> None:
        self.recalculate(sobject, record_id, {**values, **self._changed(at)})

    def _born(self, record_id: str, at: datetime | None) -> dict[str, Value]:
        changed = self._changed(at)
        return {"Id": record_id, "CreatedDate": changed["SystemModstamp"], "CreatedById": self._user_id, **changed}

    def _changed(self, at: datetime | None) -> dict[str, Value]:
        """Salesforce keeps whole seconds."""
        now = stamp((at or self._clock()).replace(microsecond=0))
        return {"LastModifiedDate": now, "LastModifiedById": self._user_id, "SystemModstamp": now}

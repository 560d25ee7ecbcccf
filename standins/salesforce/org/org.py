"""The org: its records, its user, its limits, and the journal of its requests."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from standins.salesforce.errors import RecordError
from standins.salesforce.http.faults import Faults
from standins.salesforce.http.journal import Entry, Journal
from standins.salesforce.ids import make_id
from standins.salesforce.org.address_picklists import with_picklists
from standins.salesforce.org.bulk_jobs import IngestJobs, QueryJobs
from standins.salesforce.org.cursors import Cursors
from standins.salesforce.org.deployments import Deployments
from standins.salesforce.org.logins import Logins
from standins.salesforce.org.org_records import OrgRecords
from standins.salesforce.org.pending import Pending
from standins.salesforce.org.records import Records
from standins.salesforce.org.refusals import Refusals
from standins.salesforce.org.settings import OrgSettings
from standins.salesforce.org.snapshot import Snapshot
from standins.salesforce.org.tables import FIRST_USER_ID
from standins.salesforce.org.usage import Usage
from standins.salesforce.schema.common_fields import with_currencies
from standins.salesforce.schema.fields import SObject
from standins.salesforce.schema.objects import account, contact, lead
from standins.salesforce.schema.persisted_objects import persist_objects, persisted_objects
from standins.salesforce.schema.setup_objects import organization, user, user_permission_access
from standins.salesforce.soql.parser import parse
from standins.salesforce.soql.sql import translate


def utc_now() -> datetime:
    """Return the time of this machine."""
    return datetime.now(UTC)


class Org:
    """One Salesforce org with people and accounts, in a database file that goes away on close unless given."""

    def __init__(
        self,
        settings: OrgSettings | None = None,
        *,
        clock: Callable[[], datetime] = utc_now,
        database: Path | None = None,
    ) -> None:
        """Make an org without records, or with those that the `database` file holds already."""
        self.settings = settings or OrgSettings()
        self.clock = clock
        self.organization_id = make_id("00D", self.settings.organization_number)
        self.user_id = FIRST_USER_ID
        self._database = database
        custom = persisted_objects(database) if database else []
        sobjects = (lead(), contact(), account(), user(), organization(), user_permission_access(), *custom)
        self.schema: dict[str, SObject] = {sobject.name: sobject for sobject in sobjects}
        self.unshared: dict[str, set[str]] = {}
        self._directory = None if database else TemporaryDirectory(prefix="standin-org-")
        path = database or Path(self._directory.name if self._directory else "") / "org.sqlite"
        self.records = Records(path, self.schema, self.user_id, clock)
        self._org_records = OrgRecords(self.records, self.settings, (self.organization_id, self.user_id), clock())
        self.logins = Logins(self.settings, self.organization_id, clock)
        self.usage = Usage(self.settings, clock)
        self.journal = Journal()
        self.faults = Faults()
        self.refusals = Refusals()
        self.cursors = Cursors(self.settings)
        self.bulk_jobs = QueryJobs(self.settings, clock)
        self.ingest_jobs = IngestJobs(self.settings, clock)
        self.deployments = Deployments(self.settings, clock)

    @property
    def requests(self) -> list[Entry]:
        """Return every request so far."""
        return self.journal.entries()

    def sobject(self, name: str) -> SObject | None:
        """Return the sObject of that name in any case, or None."""
        return next((sobject for sobject in self.schema.values() if sobject.name.lower() == name.lower()), None)

    def query(self, soql: str, *, include_deleted: bool = False) -> Snapshot:
        """Return the answer to a query, for the caller to close; raise SalesforceError when it is refused."""
        self._org_records.refresh()
        statement = translate(parse(soql), self.schema, include_deleted=include_deleted)
        return self.records.snapshot(statement.without_records(self.unshared.get(statement.sobject.name, ())))

    def pending(self) -> Pending:
        """Return a transaction that stays open: what it writes is seen only when it is committed."""
        return Pending(self.records, self.clock)

    def add_object(self, sobject: SObject) -> SObject:
        """Add a custom object, or fields to one that is there; return it with the first characters of its Ids."""
        known = self.schema.get(sobject.name)
        custom = sum(name.endswith("__c") for name in self.schema)
        prefix = known.prefix if known else sobject.prefix or f"a{custom:02}"
        added = replace(sobject, prefix=prefix)
        self.records.add_table(added)
        self.schema[added.name] = added
        if self._database:
            persist_objects(self._database, self.schema.values())
        return added

    def hide_fields(self, sobject: str, *names: str) -> None:
        """Take the user's right to see these fields, as field-level security does."""
        self.schema[sobject] = self.schema[sobject].without(*names)

    def mask_fields(self, sobject: str, *names: str) -> None:
        """Make fields encrypted, and take "View Encrypted Data", so that the user sees their last four characters."""
        self.settings.views_encrypted_data = False
        for name in names:
            self.change_field(sobject, name, type="encryptedstring", length=175, masked=True)

    def change_field(self, sobject: str, name: str, **changes: Any) -> None:
        """Change what a field is, as an administrator does; `updateable` or `createable` False takes the user's right
        to write it."""
        kind = self.schema[sobject]
        fields = tuple(replace(field, **changes) if field.name == name else field for field in kind)
        self.schema[sobject] = replace(kind, fields=fields)
        self.records.redefine(self.schema[sobject])

    def use_address_picklists(self) -> None:
        """Give states and countries codes, as Setup > State and Country/Territory Picklists does."""
        for name in ("Lead", "Contact", "Account"):
            self.add_object(with_picklists(self.schema[name]))

    def use_currencies(self, *codes: str) -> None:
        """Give every record a currency, as Setup > Company Information > Activate Multiple Currencies does.

        The first is the corporate currency, that of the records that are there; amounts stay the numbers they are.
        """
        for name in ("Lead", "Contact", "Account"):
            self.add_object(with_currencies(self.schema[name], codes))

    def hide_records(self, sobject: str, *ids: str) -> None:
        """Take records out of the user's sight, as sharing rules and roles do; no Ids: every record is shown again."""
        self.unshared[sobject] = {*self.unshared.get(sobject, ()), *ids} if ids else set()

    def check_shared(self, sobject: str, record_id: str) -> None:
        """Raise RecordError when the user may not write a record."""
        if record_id in self.unshared.get(sobject, ()):
            raise RecordError("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id")

    def close(self) -> None:
        """Close the database, and remove it when it is the org's own."""
        self.cursors.expire_all()
        self.bulk_jobs.close()
        self.ingest_jobs.close()
        self.records.close()
        if self._directory:
            self._directory.cleanup()

    def __enter__(self) -> "Org":
        """Return the org itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the org."""
        self.close()

"""The records Organization and User, kept in step with the org's settings."""

from datetime import datetime

from standins.salesforce.org.records import Records
from standins.salesforce.org.settings import OrgSettings
from standins.salesforce.soql.sql import Value, stamp


class OrgRecords:
    """The one Organization and the one User."""

    def __init__(
        self, records: Records, settings: OrgSettings, organization_id: str, user_id: str, made: datetime
    ) -> None:
        """Write both records, as of the moment `made`."""
        self._records = records
        self._settings = settings
        self._organization_id = organization_id
        self._user_id = user_id
        moment = stamp(made.replace(microsecond=0))
        self._stamps: dict[str, Value] = {
            "CreatedDate": moment,
            "CreatedById": user_id,
            "LastModifiedDate": moment,
            "LastModifiedById": user_id,
            "SystemModstamp": moment,
        }
        self._written: dict[str, dict[str, Value]] = {}
        self.refresh()

    def refresh(self) -> None:
        """Write both records again when a setting has changed."""
        current = {"Organization": self._organization(), "User": self._user()}
        if current == self._written:
            return
        with self._records.transaction():
            for sobject, values in current.items():
                columns = ("n", *values, *self._stamps)
                row = (1, *values.values(), *self._stamps.values())
                self._records.load(sobject, columns, [row], replacing=True)
            self._written = current

    def _organization(self) -> dict[str, Value]:
        return {
            "Id": self._organization_id,
            "Name": self._settings.organization_name,
            "PrimaryContact": self._settings.user_full_name,
            "OrganizationType": self._settings.organization_type,
            "InstanceName": self._settings.instance_name,
            "IsSandbox": int(self._settings.sandbox),
        }

    def _user(self) -> dict[str, Value]:
        first, _, last = self._settings.user_full_name.rpartition(" ")
        return {
            "Id": self._user_id,
            "Username": self._settings.username,
            "FirstName": first or None,
            "LastName": last,
            "Email": self._settings.username,
            "Alias": last[:8].lower(),
            "IsActive": 1,
        }

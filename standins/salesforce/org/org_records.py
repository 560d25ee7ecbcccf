"""The records Organization, User and UserPermissionAccess, kept in step with the org's settings."""

from datetime import datetime

from standins.salesforce.org.records import Records
from standins.salesforce.org.settings import OrgSettings
from standins.salesforce.soql.sql import Value, stamp

_PERMISSIONS = "UserPermissionAccess"


class OrgRecords:
    """The one Organization, the one User, and the permissions of this user."""

    def __init__(self, records: Records, settings: OrgSettings, ids: tuple[str, str], made: datetime) -> None:
        """Write the records, as of the moment `made`; `ids` are those of the organization and of the user."""
        self._records = records
        self._settings = settings
        self._ids = ids
        moment = stamp(made.replace(microsecond=0))
        self._stamps = dict.fromkeys(("CreatedDate", "LastModifiedDate", "SystemModstamp"), moment)
        self._stamps |= dict.fromkeys(("CreatedById", "LastModifiedById"), ids[1])
        self._written: dict[str, dict[str, Value]] = {}
        self.refresh()

    def refresh(self) -> None:
        """Write the records again when a setting has changed."""
        current = self._current()
        if current == self._written:
            return
        for sobject, values in current.items():
            row = {"n": 1, **values, **({} if sobject == _PERMISSIONS else self._stamps)}
            self._records.load(sobject, tuple(row), [tuple(row.values())], replacing=True)
        self._written = current

    def _current(self) -> dict[str, dict[str, Value]]:
        settings, (organization_id, user_id) = self._settings, self._ids
        first, _, last = settings.user_full_name.rpartition(" ")
        organization: dict[str, Value] = {
            "Id": organization_id,
            "Name": settings.organization_name,
            "PrimaryContact": settings.user_full_name,
            "OrganizationType": "Enterprise Edition",
            "InstanceName": "DEMO1",
            "IsSandbox": int(settings.sandbox),
        }
        user: dict[str, Value] = {
            "Id": user_id,
            "Username": settings.username,
            "FirstName": first or None,
            "LastName": last,
            "Email": settings.username,
            "Alias": last[:8].lower(),
            "IsActive": 1,
        }
        permissions: dict[str, Value] = {
            "Id": "000000000000000AAA",
            "PermissionsApiEnabled": int(not settings.api_disabled),
            "PermissionsViewEncryptedData": int(settings.views_encrypted_data),
        }
        return {"Organization": organization, "User": user, _PERMISSIONS: permissions}

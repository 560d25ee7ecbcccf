"""The fields of User, Organization, UserPermissionAccess and Name."""

from dataclasses import replace

from standins.salesforce.schema.common_fields import address, flag, person_name, phone, record_id, stamps
from standins.salesforce.schema.fields import Field, SObject

_EDITIONS = ("Developer Edition", "Professional Edition", "Enterprise Edition", "Unlimited Edition")
_USER_REFUSES = ("deletable", "mergeable", "undeletable")
_ORGANIZATION_REFUSES = (
    *_USER_REFUSES, "createable", "feedEnabled", "layoutable", "mruEnabled", "searchable", "triggerable",
)  # fmt: skip
_OF_NAME = ("Id", "LastName", "FirstName", "Name", "Username", "Email", "Title", "Phone", "Alias", "IsActive")


def user() -> SObject:
    """Return the sObject User."""
    fields = (
        record_id("User"),
        Field("Username", "Username", length=80, nillable=False),
        *person_name(salutation=False),
        Field("Title", "Title", length=80),
        Field("Email", "Email", "email", 128, nillable=False),
        phone("Phone", "Phone"),
        Field("Alias", "Alias", length=8, nillable=False),
        flag("IsActive", "Active"),
        *stamps(),
    )
    return SObject("User", "Users", "005", fields, refuses=_USER_REFUSES)


def organization() -> SObject:
    """Return the sObject Organization."""
    fields = (
        record_id("Organization"),
        Field("Name", "Name", length=80, nillable=False),
        *address("", "Address"),
        Field("PrimaryContact", "Primary Contact", length=80),
        Field("OrganizationType", "Edition", "picklist", 40, values=_EDITIONS).locked(),
        Field("NamespacePrefix", "Namespace Prefix", length=15).locked(),
        Field("InstanceName", "Instance Name", length=5).locked(),
        flag("IsSandbox", "Is Sandbox").locked(),
        flag("IsReadOnly", "Is Read Only").locked(),
        Field("TrialExpirationDate", "Trial Expiration Date", "datetime").locked(),
        *stamps(),
    )
    return SObject("Organization", "Organizations", "00D", fields, refuses=_ORGANIZATION_REFUSES)


def user_permission_access() -> SObject:
    """Return the sObject UserPermissionAccess: one record, the permissions of the user who asks."""
    fields = (
        record_id("User Permission Access"),
        Field("LastCacheUpdate", "Last Cache Update", "datetime").locked(),
        flag("PermissionsApiEnabled", "API Enabled").locked(),
        flag("PermissionsViewEncryptedData", "View Encrypted Data").locked(),
    )
    return SObject("UserPermissionAccess", "User Permission Access", "000", fields, refuses=_ORGANIZATION_REFUSES)


def as_name(parent: SObject) -> SObject:
    """Return the sObject Name, as which a query sees a parent that may be of several types, such as an owner."""
    return replace(parent, name="Name", fields=tuple(field for field in parent if field.name in _OF_NAME))

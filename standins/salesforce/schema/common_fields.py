"""Fields that sObjects have in common, with the types and sizes of a recorded org."""

from dataclasses import replace

from standins.salesforce.schema.fields import LONG_TEXT, Field, SObject

SOURCES = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")
RATINGS = ("Hot", "Warm", "Cold")
INDUSTRIES = ("Agriculture", "Apparel", "Banking", "Biotechnology", "Chemicals", "Communications", "Education")
_SALUTATIONS = ("Mr.", "Ms.", "Mrs.", "Dr.", "Prof.", "Mx.")
_GEOCODES = ("Address", "NearAddress", "Block", "Street", "ExtendedZip", "Zip", "Neighborhood", "City")


def identity(name: str) -> tuple[Field, ...]:
    """Return the fields of every record that can be deleted and merged."""
    return (
        record_id(name),
        flag("IsDeleted", "Deleted").locked(),
        reference("MasterRecordId", "Master Record ID", name).locked(),
    )


def record_id(name: str) -> Field:
    """Return the field of the record's own Id."""
    return Field("Id", f"{name} ID", "id", 18, nillable=False, defaulted=True).locked()


def person_name(*, salutation: bool = True) -> tuple[Field, ...]:
    """Return a person's name, in parts and whole."""
    greeting = replace(picklist("Salutation", "Salutation", _SALUTATIONS, 40), compound="Name", extra="personname")
    return (
        Field("LastName", "Last Name", length=80, nillable=False, compound="Name", extra="personname"),
        Field("FirstName", "First Name", length=40, compound="Name", extra="personname"),
        *([greeting] if salutation else []),
        Field("Name", "Full Name", length=121, nillable=False, extra="personname").locked(),
    )


def address(prefix: str, compound: str) -> tuple[Field, ...]:
    """Return an address, in parts and as a compound."""
    label = f"{prefix} " if prefix else ""
    return (
        text_area(f"{prefix}Street", f"{label}Street", LONG_TEXT, compound),
        Field(f"{prefix}City", f"{label}City", length=40, compound=compound),
        Field(f"{prefix}State", f"{label}State/Province", length=80, compound=compound),
        Field(f"{prefix}PostalCode", f"{label}Zip/Postal Code", length=20, compound=compound),
        Field(f"{prefix}Country", f"{label}Country", length=80, compound=compound),
        Field(f"{prefix}Latitude", f"{label}Latitude", "double", precision=18, scale=15, compound=compound),
        Field(f"{prefix}Longitude", f"{label}Longitude", "double", precision=18, scale=15, compound=compound),
        replace(
            picklist(f"{prefix}GeocodeAccuracy", f"{label}Geocode Accuracy", _GEOCODES, 40),
            compound=compound,
            restricted=True,
        ),
        Field(f"{prefix}Address", f"{label}Address", "address").locked(),
    )


def geolocation(name: str, label: str) -> tuple[Field, ...]:
    """Return a place on the map, in parts and as a compound.

    Rule: Object reference, "Geolocation Compound Field".
    """
    compound = f"{name}__c"
    parts = (
        Field(f"{name}__{part}__s", f"{label} ({part})", "double", precision=18, scale=15, compound=compound)
        for part in ("Latitude", "Longitude")
    )
    return (*parts, Field(compound, label, "location").locked())


def stamps() -> tuple[Field, ...]:
    """Return the fields with the author and time of the creation and of the last change."""
    return (
        Field("CreatedDate", "Created Date", "datetime", nillable=False, defaulted=True).locked(),
        reference("CreatedById", "Created By ID", "User", nillable=False, defaulted=True).locked(),
        Field("LastModifiedDate", "Last Modified Date", "datetime", nillable=False, defaulted=True).locked(),
        reference("LastModifiedById", "Last Modified By ID", "User", nillable=False, defaulted=True).locked(),
        Field("SystemModstamp", "System Modstamp", "datetime", nillable=False, defaulted=True).locked(),
    )


def last_activity() -> Field:
    """Return the date of the last activity."""
    return Field("LastActivityDate", "Last Activity", "date").locked()


def photo() -> Field:
    """Return the address of a record's picture."""
    return Field("PhotoUrl", "Photo URL", "url", 255, extra="imageurl").locked()


def reference(name: str, label: str, *targets: str, nillable: bool = True, defaulted: bool = False) -> Field:
    """Return a field that holds the Id of another record."""
    return Field(name, label, "reference", 18, refers_to=targets, nillable=nillable, defaulted=defaulted)


def phone(name: str, label: str) -> Field:
    """Return a telephone number."""
    return Field(name, label, "phone", 40)


def flag(name: str, label: str) -> Field:
    """Return a checkbox, not ticked by default."""
    return Field(name, label, "boolean", nillable=False, defaulted=True, default=False)


def picklist(name: str, label: str, values: tuple[str, ...], length: int = LONG_TEXT) -> Field:
    """Return a choice of one of these values."""
    return Field(name, label, "picklist", length, values=values)


def text_area(name: str, label: str, length: int, compound: str | None = None) -> Field:
    """Return a text of several lines."""
    return Field(name, label, "textarea", length, compound=compound, extra="plaintextarea")


def with_currencies(sobject: SObject, codes: tuple[str, ...]) -> SObject:
    """Return an sObject of an org with several currencies, the first of which its records have by default.

    Object reference, "CurrencyIsoCode": a restricted picklist of the active currencies.
    """
    code = picklist("CurrencyIsoCode", "Currency ISO Code", codes, 3)
    code = replace(code, restricted=True, nillable=False, defaulted=True, default=codes[0])
    return replace(sobject, fields=(*sobject.fields, code))

"""The fields of Lead and Contact: those of a recorded org, and the custom fields that marketers add."""

from .fields import LONG_TEXT, Field, SObject

_SALUTATIONS = ("Mr.", "Ms.", "Mrs.", "Dr.", "Prof.", "Mx.")
_SOURCES = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")
_STATUSES = ("Open - Not Contacted", "Working - Contacted", "Closed - Converted", "Closed - Not Converted")
_INDUSTRIES = (
    "Agriculture",
    "Apparel",
    "Banking",
    "Biotechnology",
    "Chemicals",
    "Communications",
    "Education",
)
_GEOCODES = ("Address", "NearAddress", "Block", "Street", "ExtendedZip", "Zip", "Neighborhood", "City")
_INTERESTS = ("Art", "Books", "Cycling", "Gardening", "Music", "Travel")


def lead() -> SObject:
    """Return the sObject of a person who may become a customer."""
    fields = (
        *_identity("Lead"),
        *_person_name(),
        Field("Title", "Title", length=128),
        Field("Company", "Company", length=255, nillable=False),
        *_address("", "Address"),
        _phone("Phone", "Phone"),
        _phone("MobilePhone", "Mobile Phone"),
        _phone("Fax", "Fax"),
        Field("Email", "Email", "email", 80),
        Field("Website", "Website", "url", 255),
        Field("PhotoUrl", "Photo URL", "url", 255, extra="imageurl").locked(),
        Field("Description", "Description", "textarea", 32000, extra="plaintextarea"),
        Field("LeadSource", "Lead Source", "picklist", 255, values=_SOURCES),
        Field(
            "Status",
            "Status",
            "picklist",
            255,
            nillable=False,
            defaulted=True,
            default=_STATUSES[0],
            values=_STATUSES,
        ),
        Field("Industry", "Industry", "picklist", 255, values=_INDUSTRIES),
        Field("Rating", "Rating", "picklist", 255, values=("Hot", "Warm", "Cold")),
        Field("AnnualRevenue", "Annual Revenue", "currency", precision=18),
        Field("NumberOfEmployees", "Employees", "int", digits=8),
        _reference("OwnerId", "Owner ID", "Group", "User", nillable=False, defaulted=True),
        _flag("HasOptedOutOfEmail", "Email Opt Out"),
        Field(
            "IsConverted",
            "Converted",
            "boolean",
            updateable=False,
            nillable=False,
            defaulted=True,
            default=False,
        ),
        Field("ConvertedDate", "Converted Date", "date").locked(),
        _reference("ConvertedAccountId", "Converted Account ID", "Account").locked(),
        _reference("ConvertedContactId", "Converted Contact ID", "Contact").locked(),
        _reference("ConvertedOpportunityId", "Converted Opportunity ID", "Opportunity").locked(),
        _flag("IsUnreadByOwner", "Unread By Owner"),
        *_stamps(),
        Field("EmailBouncedReason", "Email Bounced Reason", length=255, createable=False),
        Field("EmailBouncedDate", "Email Bounced Date", "datetime", createable=False),
        *_custom(),
    )
    return SObject("Lead", "Leads", "00Q", fields)


def contact() -> SObject:
    """Return the sObject of a person at a customer's."""
    fields = (
        *_identity("Contact"),
        _reference("AccountId", "Account ID", "Account"),
        *_person_name(),
        *_address("Other", "OtherAddress"),
        *_address("Mailing", "MailingAddress"),
        _phone("Phone", "Business Phone"),
        _phone("Fax", "Business Fax"),
        _phone("MobilePhone", "Mobile Phone"),
        _phone("HomePhone", "Home Phone"),
        _phone("OtherPhone", "Other Phone"),
        _phone("AssistantPhone", "Asst. Phone"),
        _reference("ReportsToId", "Reports To ID", "Contact"),
        Field("Email", "Email", "email", 80),
        Field("Title", "Title", length=128),
        Field("Department", "Department", length=80),
        Field("AssistantName", "Assistant's Name", length=40),
        Field("LeadSource", "Lead Source", "picklist", 255, values=_SOURCES),
        Field("Birthdate", "Birthdate", "date"),
        Field("Description", "Contact Description", "textarea", 32000, extra="plaintextarea"),
        _reference("OwnerId", "Owner ID", "User", nillable=False, defaulted=True),
        _flag("HasOptedOutOfEmail", "Email Opt Out"),
        *_stamps(),
        Field("EmailBouncedReason", "Email Bounced Reason", length=255),
        Field("EmailBouncedDate", "Email Bounced Date", "datetime"),
        Field("IsEmailBounced", "Is Email Bounced", "boolean", nillable=False, defaulted=True, default=False).locked(),
        Field("PhotoUrl", "Photo URL", "url", 255, extra="imageurl").locked(),
        *_custom(),
    )
    return SObject("Contact", "Contacts", "003", fields)


def _identity(name: str) -> tuple[Field, ...]:
    return (
        Field("Id", f"{name} ID", "id", 18, nillable=False, defaulted=True).locked(),
        Field("IsDeleted", "Deleted", "boolean", nillable=False, defaulted=True, default=False).locked(),
        _reference("MasterRecordId", "Master Record ID", name).locked(),
    )


def _person_name() -> tuple[Field, ...]:
    return (
        Field("LastName", "Last Name", length=80, nillable=False, compound="Name", extra="personname"),
        Field("FirstName", "First Name", length=40, compound="Name", extra="personname"),
        Field(
            "Salutation",
            "Salutation",
            "picklist",
            40,
            compound="Name",
            extra="personname",
            values=_SALUTATIONS,
        ),
        Field("Name", "Full Name", length=121, nillable=False, extra="personname").locked(),
    )


def _address(prefix: str, compound: str) -> tuple[Field, ...]:
    label = f"{prefix} " if prefix else ""
    return (
        Field(
            f"{prefix}Street",
            f"{label}Street",
            "textarea",
            LONG_TEXT,
            compound=compound,
            extra="plaintextarea",
        ),
        Field(f"{prefix}City", f"{label}City", length=40, compound=compound),
        Field(f"{prefix}State", f"{label}State/Province", length=80, compound=compound),
        Field(f"{prefix}PostalCode", f"{label}Zip/Postal Code", length=20, compound=compound),
        Field(f"{prefix}Country", f"{label}Country", length=80, compound=compound),
        Field(f"{prefix}Latitude", f"{label}Latitude", "double", precision=18, scale=15, compound=compound),
        Field(f"{prefix}Longitude", f"{label}Longitude", "double", precision=18, scale=15, compound=compound),
        Field(
            f"{prefix}GeocodeAccuracy",
            f"{label}Geocode Accuracy",
            "picklist",
            40,
            compound=compound,
            values=_GEOCODES,
            restricted=True,
        ),
        Field(f"{prefix}Address", f"{label}Address", "address").locked(),
    )


def _stamps() -> tuple[Field, ...]:
    return (
        Field("CreatedDate", "Created Date", "datetime", nillable=False, defaulted=True).locked(),
        _reference("CreatedById", "Created By ID", "User", nillable=False, defaulted=True).locked(),
        Field("LastModifiedDate", "Last Modified Date", "datetime", nillable=False, defaulted=True).locked(),
        _reference("LastModifiedById", "Last Modified By ID", "User", nillable=False, defaulted=True).locked(),
        Field("SystemModstamp", "System Modstamp", "datetime", nillable=False, defaulted=True).locked(),
        Field("LastActivityDate", "Last Activity", "date").locked(),
    )


def _custom() -> tuple[Field, ...]:
    return (
        _flag("Email_Opt_In__c", "Email Opt In"),
        Field("Newsletter__c", "Newsletter", "picklist", 255, values=("Y", "N"), restricted=True),
        Field("Interests__c", "Interests", "multipicklist", 4099, precision=4, values=_INTERESTS),
        Field("Score__c", "Score", "double", precision=18, scale=2),
        Field("Lifetime_Value__c", "Lifetime Value", "currency", precision=18, scale=2),
        Field("Last_Visit__c", "Last Visit", "datetime"),
        Field("Customer_Number__c", "Customer Number", length=40, external_id=True),
    )


def _reference(name: str, label: str, *targets: str, nillable: bool = True, defaulted: bool = False) -> Field:
    return Field(name, label, "reference", 18, refers_to=targets, nillable=nillable, defaulted=defaulted)


def _phone(name: str, label: str) -> Field:
    return Field(name, label, "phone", 40)


def _flag(name: str, label: str) -> Field:
    return Field(name, label, "boolean", nillable=False, defaulted=True, default=False)

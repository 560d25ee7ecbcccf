"""The fields of Lead, Contact and Account: those of a recorded org, and the custom fields that marketers add."""

from dataclasses import replace

from standins.salesforce.schema.common_fields import (
    INDUSTRIES,
    RATINGS,
    SOURCES,
    address,
    flag,
    identity,
    last_activity,
    person_name,
    phone,
    photo,
    picklist,
    reference,
    stamps,
    text_area,
)
from standins.salesforce.schema.fields import Field, SObject

_STATUSES = ("Open - Not Contacted", "Working - Contacted", "Closed - Converted", "Closed - Not Converted")
_ACCOUNT_TYPES = ("Prospect", "Customer - Direct", "Customer - Channel", "Channel Partner / Reseller", "Other")
_INTERESTS = ("Art", "Books", "Cycling", "Gardening", "Music", "Travel")


def lead() -> SObject:
    """Return the sObject Lead."""
    fields = (
        *identity("Lead"),
        *person_name(),
        Field("Title", "Title", length=128),
        Field("Company", "Company", length=255, nillable=False),
        *address("", "Address"),
        phone("Phone", "Phone"),
        phone("MobilePhone", "Mobile Phone"),
        phone("Fax", "Fax"),
        Field("Email", "Email", "email", 80),
        Field("Website", "Website", "url", 255),
        photo(),
        text_area("Description", "Description", 32000),
        picklist("LeadSource", "Lead Source", SOURCES),
        replace(picklist("Status", "Status", _STATUSES), nillable=False, defaulted=True, default=_STATUSES[0]),
        picklist("Industry", "Industry", INDUSTRIES),
        picklist("Rating", "Rating", RATINGS),
        Field("AnnualRevenue", "Annual Revenue", "currency", precision=18),
        Field("NumberOfEmployees", "Employees", "int", digits=8),
        reference("OwnerId", "Owner ID", "Group", "User", nillable=False, defaulted=True),
        flag("HasOptedOutOfEmail", "Email Opt Out"),
        replace(flag("IsConverted", "Converted"), updateable=False),
        Field("ConvertedDate", "Converted Date", "date").locked(),
        reference("ConvertedAccountId", "Converted Account ID", "Account").locked(),
        reference("ConvertedContactId", "Converted Contact ID", "Contact").locked(),
        reference("ConvertedOpportunityId", "Converted Opportunity ID", "Opportunity").locked(),
        flag("IsUnreadByOwner", "Unread By Owner"),
        *stamps(),
        last_activity(),
        Field("EmailBouncedReason", "Email Bounced Reason", length=255, createable=False),
        Field("EmailBouncedDate", "Email Bounced Date", "datetime", createable=False),
        *_custom(),
    )
    return SObject("Lead", "Leads", "00Q", fields)


def contact() -> SObject:
    """Return the sObject Contact."""
    fields = (
        *identity("Contact"),
        reference("AccountId", "Account ID", "Account"),
        *person_name(),
        *address("Other", "OtherAddress"),
        *address("Mailing", "MailingAddress"),
        phone("Phone", "Business Phone"),
        phone("Fax", "Business Fax"),
        phone("MobilePhone", "Mobile Phone"),
        phone("HomePhone", "Home Phone"),
        phone("OtherPhone", "Other Phone"),
        phone("AssistantPhone", "Asst. Phone"),
        reference("ReportsToId", "Reports To ID", "Contact"),
        Field("Email", "Email", "email", 80),
        Field("Title", "Title", length=128),
        Field("Department", "Department", length=80),
        Field("AssistantName", "Assistant's Name", length=40),
        picklist("LeadSource", "Lead Source", SOURCES),
        Field("Birthdate", "Birthdate", "date"),
        text_area("Description", "Contact Description", 32000),
        reference("OwnerId", "Owner ID", "User", nillable=False, defaulted=True),
        flag("HasOptedOutOfEmail", "Email Opt Out"),
        *stamps(),
        last_activity(),
        Field("EmailBouncedReason", "Email Bounced Reason", length=255),
        Field("EmailBouncedDate", "Email Bounced Date", "datetime"),
        flag("IsEmailBounced", "Is Email Bounced").locked(),
        photo(),
        *_custom(),
    )
    return SObject("Contact", "Contacts", "003", fields)


def account() -> SObject:
    """Return the sObject Account."""
    fields = (
        *identity("Account"),
        Field("Name", "Account Name", length=255, nillable=False, compound="Name", extra="switchablepersonname"),
        picklist("Type", "Account Type", _ACCOUNT_TYPES, 40),
        reference("ParentId", "Parent Account ID", "Account"),
        *address("Billing", "BillingAddress"),
        *address("Shipping", "ShippingAddress"),
        phone("Phone", "Account Phone"),
        phone("Fax", "Account Fax"),
        Field("AccountNumber", "Account Number", length=40),
        Field("Website", "Website", "url", 255),
        photo(),
        picklist("Industry", "Industry", INDUSTRIES, 40),
        Field("AnnualRevenue", "Annual Revenue", "currency", precision=18),
        Field("NumberOfEmployees", "Employees", "int", digits=8),
        text_area("Description", "Account Description", 32000),
        picklist("Rating", "Account Rating", RATINGS, 40),
        Field("Site", "Account Site", length=80),
        reference("OwnerId", "Owner ID", "User", nillable=False, defaulted=True),
        *stamps(),
        last_activity(),
        picklist("AccountSource", "Account Source", SOURCES, 40),
    )
    return SObject("Account", "Accounts", "001", fields)


def _custom() -> tuple[Field, ...]:
    return (
        flag("Email_Opt_In__c", "Email Opt In"),
        Field("Newsletter__c", "Newsletter", "picklist", 255, values=("Y", "N"), restricted=True),
        Field("Interests__c", "Interests", "multipicklist", 4099, precision=4, values=_INTERESTS),
        Field("Score__c", "Score", "double", precision=18, scale=2),
        Field("Lifetime_Value__c", "Lifetime Value", "currency", precision=18, scale=2),
        Field("Last_Visit__c", "Last Visit", "datetime"),
        Field("Customer_Number__c", "Customer Number", length=40, external_id=True),
    )

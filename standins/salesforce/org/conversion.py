"""The contact's field for each field of a converted lead."""

_SAME = (
    "FirstName", "LastName", "Salutation", "Title", "Email", "Phone", "MobilePhone", "Fax", "LeadSource",
    "Description", "HasOptedOutOfEmail", "Email_Opt_In__c", "Newsletter__c", "Interests__c", "Score__c",
    "Lifetime_Value__c", "Last_Visit__c", "Customer_Number__c",
)  # fmt: skip
_ADDRESS = ("Street", "City", "State", "PostalCode", "Country", "Latitude", "Longitude")

MAPPED_ON_CONVERSION = {name: name for name in _SAME} | {name: f"Mailing{name}" for name in _ADDRESS}

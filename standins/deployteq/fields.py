"""The fields of the records that the interface exchanges: order, type, length, and what a field may hold."""

# In the order of the interface's own description; numbers are marked, everything else is text.
_AUDIT = ["createdBy", "createdAt", "modifiedBy", "modifiedAt"]
_NUMBERS = frozenset({"complaintCount", "id", "softBounceCount", "hardBounceCount"})
_CUSTOMER = """
complaintCount accounts smsOptIn optIn id title lastname firstname middlename prefix suffix initials gender
maritalStatus birthday birthplace address address2 address3 addressNumber addressNumberSuffix zipCode poBox city state
country companyName department alternateAddress alternateAddress2 alternateAddress3 alternateAddressNumber
alternateAddressNumberSuffix alternateZipCode alternateCity alternateState alternateCountry contactMan jobTitle
workPhone workExtension workMobile homePhone mobilePhone faxNumber emailAddress alternateEmailAddress emailType
mailStatus softBounceCount hardBounceCount website imageUrl status externalId userName password createdBy createdAt
modifiedBy modifiedAt options
"""
_TYPES = {"accounts": "ArrayOfAccount", "options": "ArrayOfCustomerOption"}

CUSTOMER = {name: "long" if name in _NUMBERS else _TYPES.get(name, "string") for name in _CUSTOMER.split()}

RECORDS: dict[str, dict[str, str]] = {
    "Account": {"network": "string", "accountId": "string"},
    "CustomerOption": {"identifier": "string", "customerId": "long", "name": "string", "value": "string"},
    "Customer": CUSTOMER,
    "Option": {"type": "string", "name": "string", "value": "string"},
    "Resource": {"id": "long", "type": "string", "status": "string", "size": "long"},
    "Group": {
        **{"id": "long", "parentId": "long", "name": "string", "description": "string"},
        **dict.fromkeys([*_AUDIT, "countDate"], "string"),
        **{"customerCountRecursive": "long", "customerCount": "long"},
    },
}

_LENGTHS = {
    100: "externalId userName title lastname",
    50: "password",
    20: "initials zipCode",
    40: "firstname middlename",
    16: "prefix suffix workPhone workMobile homePhone mobilePhone faxNumber",
    70: "birthplace address address2 address3 city country alternateAddress alternateAddress2 alternateAddress3 "
    "alternateCity alternateCountry",
    10: "addressNumber addressNumberSuffix alternateAddressNumber alternateAddressNumberSuffix workExtension",
    11: "poBox",
    60: "state alternateState jobTitle",
    7: "alternateZipCode",
    120: "companyName",
    30: "department",
    255: "contactMan website",
    80: "emailAddress alternateEmailAddress",
}
LENGTHS = {name: length for length, names in _LENGTHS.items() for name in names.split()}

CHOICES = {
    "status": {"SUSPECT", "PROSPECT", "CUSTOMER", "BLACKLIST"},
    "gender": {"MAN", "WOMAN", "FAMILY", "UNKNOWN"},
    "maritalStatus": {
        *("UNKNOWN", "SINGLE", "MARRIED", "DIVORCED", "WIDOWED", "ENGAGED", "COHABITATING", "DECEASED"),
    },
    "emailType": {"HTML", "TEXT", "MULTIPART"},
    "optIn": {"Y", "N"},
    "smsOptIn": {"Y", "N"},
}

# What only the service sets.
READ_ONLY = frozenset({*_NUMBERS, *_AUDIT, "accounts", "mailStatus", "imageUrl"})
WRITABLE = [name for name in CUSTOMER if name not in READ_ONLY and name != "options"]

# How a field without content comes back.
EMPTY = dict.fromkeys(WRITABLE, "") | {"birthday": "0000-00-00", "poBox": "0"}
DEFAULTS = {
    **EMPTY,
    **{"status": "SUSPECT", "gender": "UNKNOWN", "maritalStatus": "UNKNOWN", "emailType": "MULTIPART"},
    **{"smsOptIn": "N", "mailStatus": "ACTIVE", "complaintCount": 0, "softBounceCount": 0, "hardBounceCount": 0},
}

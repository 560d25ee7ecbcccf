"""The fields of the records that the interface exchanges: order, type, length, and what a field may hold."""

# In the order of the interface's own description, each with the length that it takes; `#` for a number.
_AUDIT = ["createdBy", "createdAt", "modifiedBy", "modifiedAt"]
_CUSTOMER = """
complaintCount:# accounts smsOptIn optIn id:# title:100 lastname:100 firstname:40 middlename:40 prefix:16 suffix:16
initials:20 gender maritalStatus birthday birthplace:70 address:70 address2:70 address3:70 addressNumber:10
addressNumberSuffix:10 zipCode:20 poBox:11 city:70 state:60 country:70 companyName:120 department:30
alternateAddress:70 alternateAddress2:70 alternateAddress3:70 alternateAddressNumber:10
alternateAddressNumberSuffix:10 alternateZipCode:7 alternateCity:70 alternateState:60 alternateCountry:70
contactMan:255 jobTitle:60 workPhone:16 workExtension:10 workMobile:16 homePhone:16 mobilePhone:16 faxNumber:16
emailAddress:80 alternateEmailAddress:80 emailType mailStatus softBounceCount:# hardBounceCount:# website:255 imageUrl
status externalId:100 userName:100 password:50 createdBy createdAt modifiedBy modifiedAt options
"""
_TYPES = {"accounts": "ArrayOfAccount", "options": "ArrayOfCustomerOption", "#": "long"}
_SIZES = {name: size for name, _, size in (word.partition(":") for word in _CUSTOMER.split())}

CUSTOMER = {name: _TYPES.get(name) or _TYPES.get(size, "string") for name, size in _SIZES.items()}
LENGTHS = {name: int(size) for name, size in _SIZES.items() if size.isdecimal()}
_NUMBERS = frozenset(name for name, size in _SIZES.items() if size == "#")

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

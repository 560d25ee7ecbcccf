"""The operations in use: their arguments in the order in which the interface takes them, and the fields of a customer.

The order is that of version 1.24. Answers are read by name, whatever order they come in.
"""

TNS = "https://secure.myclang.com/app/api/soap/public/index.php"

_CUSTOMER = """
complaintCount accounts smsOptIn optIn id title lastname firstname middlename prefix suffix initials gender
maritalStatus birthday birthplace address address2 address3 addressNumber addressNumberSuffix zipCode poBox city state
country companyName department alternateAddress alternateAddress2 alternateAddress3 alternateAddressNumber
alternateAddressNumberSuffix alternateZipCode alternateCity alternateState alternateCountry contactMan jobTitle
workPhone workExtension workMobile homePhone mobilePhone faxNumber emailAddress alternateEmailAddress emailType
mailStatus softBounceCount hardBounceCount website imageUrl status externalId userName password createdBy createdAt
modifiedBy modifiedAt options
"""
CUSTOMER = _CUSTOMER.split()
KNOWN = frozenset(CUSTOMER)

_UNIQUE = ["uniqueCustomerFields", "uniqueOptionFields"]
ARGUMENTS = {
    "customer_update": ["customer"],
    "customer_delete": ["customerId"],
    "customer_insertBulkUnique": ["customers", *_UNIQUE],
    "customer_getById": ["customerId"],
    "customer_getByExternalId": ["externalId"],
    "customer_getByEmailAddress": ["emailAddress"],
    "customer_getByObject": ["customer"],
    "customer_getAll": [],
    "customer_getTotalNumberOfCustomers": [],
    "customerSet_getCustomers": ["resourceId", "offset", "size"],
    "resource_getById": ["resourceId"],
    "resource_free": ["resourceId"],
    "group_getById": ["groupId"],
    "group_getMembers": ["groupId", "recursive"],
    "group_addMembersInBulk": ["group", "customers"],
    "group_removeMember": ["group", "customer"],
    "magento_getAvailableCustomerFields": ["lang"],
}
# The tag of the elements of each list.
ITEMS = {"customers": "Customer", "uniqueCustomerFields": "String", "uniqueOptionFields": "String"}
_PLACES = {name: place for place, name in enumerate(CUSTOMER)}
# Where each field of a record stands.
RECORD_PLACES = {"customer": _PLACES, "Customer": _PLACES, "group": {"id": 0, "name": 1}}

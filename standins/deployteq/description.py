"""The description of the interface (WSDL), made from tables; its schema holds both directions to it."""

from functools import cache

from lxml import etree

from standins.deployteq.fields import RECORDS

TNS = "https://secure.myclang.com/app/api/soap/public/index.php"
ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_XSD = "http://www.w3.org/2001/XMLSchema"

# Arguments after `uuid`, in their order, and the type of the answer's `msg`.
_UNIQUE = {"uniqueCustomerFields": "ArrayOfString", "uniqueOptionFields": "ArrayOfString"}
_PAGE = {"resourceId": "long", "offset": "long", "size": "long"}
OPERATIONS: dict[str, tuple[dict[str, str], str]] = {
    "customer_insert": ({"customer": "Customer"}, "Customer"),
    "customer_update": ({"customer": "Customer"}, "Customer"),
    "customer_upsert": ({"customer": "Customer"}, "Customer"),
    "customer_delete": ({"customerId": "long"}, "boolean"),
    "customer_insertUnique": ({"customer": "Customer", **_UNIQUE}, "Customer"),
    "customer_insertBulkUnique": ({"customers": "ArrayOfCustomer", **_UNIQUE}, "ArrayOfCustomer"),
    "customer_getById": ({"customerId": "long"}, "Customer"),
    "customer_getByExternalId": ({"externalId": "string"}, "ArrayOfCustomer"),
    "customer_getByEmailAddress": ({"emailAddress": "string"}, "ArrayOfCustomer"),
    "customer_getByObject": ({"customer": "Customer"}, "long"),
    "customer_getAll": ({}, "long"),
    "customer_getTotalNumberOfCustomers": ({}, "long"),
    "customerSet_getCustomers": (_PAGE, "ArrayOfCustomer"),
    "resource_getById": ({"resourceId": "long"}, "Resource"),
    "resource_free": ({"resourceId": "long"}, "boolean"),
    "group_getAll": ({}, "ArrayOfGroup"),
    "group_getById": ({"groupId": "long"}, "Group"),
    "group_insert": ({"group": "Group"}, "Group"),
    "group_getMembers": ({"groupId": "long", "recursive": "boolean"}, "long"),
    "group_addMember": ({"group": "Group", "customer": "Customer"}, "boolean"),
    "group_removeMember": ({"group": "Group", "customer": "Customer"}, "boolean"),
    "group_hasMember": ({"group": "Group", "customer": "Customer"}, "boolean"),
    "group_addMembersInBulk": ({"group": "Group", "customers": "ArrayOfCustomer"}, "boolean"),
    "magento_getAvailableCustomerFields": ({"lang": "string"}, "ArrayOfOption"),
}


@cache
def wsdl(location: str, extra_field: str = "") -> bytes:
    """Return the description; `extra_field` stands in the middle of Customer, as if the vendor had added it."""
    names = [*OPERATIONS, *(f"{name}Response" for name in OPERATIONS)]
    messages = "".join(
        f'<wsdl:message name="{name}"><wsdl:part name="parameters" element="tns:{name}"/></wsdl:message>'
        for name in names
    )
    ports = "".join(
        f'<wsdl:operation name="{name}"><wsdl:input message="tns:{name}"/>'
        f'<wsdl:output message="tns:{name}Response"/></wsdl:operation>'
        for name in OPERATIONS
    )
    body = '<soap:body use="literal"/>'
    bound = "".join(
        f'<wsdl:operation name="{name}"><soap:operation soapAction=""/><wsdl:input>{body}</wsdl:input>'
        f"<wsdl:output>{body}</wsdl:output></wsdl:operation>"
        for name in OPERATIONS
    )
    return (
        f'<wsdl:definitions name="clangAPI" targetNamespace="{TNS}" xmlns:tns="{TNS}" xmlns:xsd="{_XSD}" '
        'xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/">'
        f"<wsdl:types>{_schema(extra_field)}</wsdl:types>{messages}"
        f'<wsdl:portType name="clangPortType">{ports}</wsdl:portType>'
        '<wsdl:binding name="clangBinding" type="tns:clangPortType">'
        f'<soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>{bound}</wsdl:binding>'
        '<wsdl:service name="clangAPI"><wsdl:port name="clangPort" binding="tns:clangBinding">'
        f'<soap:address location="{location}"/></wsdl:port></wsdl:service></wsdl:definitions>'
    ).encode()


@cache
def schema(extra_field: str = "") -> etree.XMLSchema:
    """Return the schema that requests and answers are held to."""
    return etree.XMLSchema(etree.fromstring(_schema(extra_field)))


def _schema(extra_field: str) -> str:
    types = [_array("String", "xsd:string"), *(_array(name, f"tns:{name}") for name in RECORDS)]
    for name, fields in RECORDS.items():
        known = dict(fields)
        if name == "Customer" and extra_field:
            items = [*fields.items()]
            middle = len(items) // 2
            known = dict([*items[:middle], (extra_field, "string"), *items[middle:]])
        types.append(_sequence("complexType", name, "".join(_element(*one, optional=True) for one in known.items())))
    for name, (arguments, answer) in OPERATIONS.items():
        asked = "".join(_element(*one) for one in {"uuid": "string", **arguments}.items())
        given = '<xsd:element name="code" type="xsd:integer"/>' + _element("msg", answer, nillable=True)
        types += [_call(name, asked), _call(f"{name}Response", given)]
    return (
        f'<xsd:schema targetNamespace="{TNS}" elementFormDefault="qualified" xmlns:tns="{TNS}" xmlns:xsd="{_XSD}">'
        f"{''.join(types)}</xsd:schema>"
    )


def _array(name: str, kind: str) -> str:
    item = f'<xsd:element name="{name}" type="{kind}" minOccurs="0" maxOccurs="unbounded" nillable="true"/>'
    return _sequence("complexType", f"ArrayOf{name}", item)


def _sequence(tag: str, name: str, content: str) -> str:
    return f'<xsd:{tag} name="{name}"><xsd:sequence>{content}</xsd:sequence></xsd:{tag}>'


def _call(name: str, content: str) -> str:
    whole = f"<xsd:complexType><xsd:sequence>{content}</xsd:sequence></xsd:complexType>"
    return f'<xsd:element name="{name}">{whole}</xsd:element>'


def _element(name: str, kind: str, *, optional: bool = False, nillable: bool = False) -> str:
    prefix = "xsd" if kind in {"string", "long", "boolean"} else "tns"
    more = ' minOccurs="0" nillable="true"' if optional else ' nillable="true"' if nillable else ""
    return f'<xsd:element name="{name}" type="{prefix}:{kind}"{more}/>'

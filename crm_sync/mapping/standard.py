"""The mapping to start from: the standard fields of leads and contacts, customers identified by e-mail address."""

from crm_sync.mapping.model import CustomerFieldKind, FieldLink, ObjectMapping

_PERSON = {
    "Salutation": "title",
    "FirstName": "firstname",
    "LastName": "lastname",
    "Title": "job_title",
    "Phone": "work_phone",
    "MobilePhone": "mobile_phone",
}
_ADDRESS = {"Street": "address", "PostalCode": "zip_code", "City": "city", "State": "state", "Country": "country"}


def standard_contact_mapping() -> ObjectMapping:
    """Return links for the standard fields of a contact."""
    address = {f"Mailing{field}": name for field, name in _ADDRESS.items()}
    links = _links(_PERSON | {"Birthdate": "birthday"} | address, "salesforce_contact_id")
    return ObjectMapping(status="Customer", links=links)


def standard_lead_mapping() -> ObjectMapping:
    """Return links for the standard fields of a lead."""
    links = _links(_PERSON | {"Company": "company_name"} | _ADDRESS, "salesforce_lead_id")
    return ObjectMapping(status="Prospect", links=links)


def _links(fields: dict[str, str], id_option: str) -> list[FieldLink]:
    return [
        FieldLink(salesforce_field="Email", name="email_address", unique=True),
        *(FieldLink(salesforce_field=field, name=name) for field, name in fields.items()),
        FieldLink(salesforce_field="HasOptedOutOfEmail", name="opt_in", opposite=True),
        FieldLink(salesforce_field="Id", kind=CustomerFieldKind.OPTION, name=id_option),
    ]

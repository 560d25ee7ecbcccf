"""The standard customer fields of Deployteq, in its own names, and what each may hold."""

from enum import StrEnum


class FieldType(StrEnum):
    """What a customer field holds."""

    TEXT = "text"
    DATE = "date"
    YES_NO = "yes/no"


def _of(field_type: FieldType, names: str) -> dict[str, FieldType]:
    return dict.fromkeys(names.split(), field_type)


def _group(name: str, fields: str) -> dict[str, str]:
    return dict.fromkeys(fields.split(), name)


# Values that belong together: when Salesforce changes one of them, all are taken from Salesforce.
GROUPS: dict[str, str] = {
    **_group("name", "title initials firstname middlename prefix lastname suffix"),
    **_group("address", "address address2 address3 address_number address_number_suffix zip_code po_box"),
    **_group("address", "city state country"),
    **_group("alternate address", "alternate_address alternate_address2 alternate_address3 alternate_address_number"),
    **_group("alternate address", "alternate_address_number_suffix alternate_zip_code alternate_city"),
    **_group("alternate address", "alternate_state alternate_country"),
}

# The fields that hold consent; they follow from the ledger (crm_sync.consent), never from one record's value.
CONSENT_FIELDS = frozenset({"opt_in", "sms_opt_in"})

# The writable fields of Deployteq's own customer record. Left out: what only Deployteq sets (counters, audit,
# mail_status) and `status`, which follows from the kind of Salesforce record.
CUSTOMER_FIELDS: dict[str, FieldType] = {
    **_of(FieldType.TEXT, "external_id user_name"),
    **_of(FieldType.TEXT, "title initials firstname middlename prefix lastname suffix gender marital_status"),
    **_of(FieldType.DATE, "birthday"),
    **_of(FieldType.TEXT, "birthplace"),
    **_of(FieldType.TEXT, "address address2 address3 address_number address_number_suffix"),
    **_of(FieldType.TEXT, "zip_code po_box city state country"),
    **_of(FieldType.TEXT, "alternate_address alternate_address2 alternate_address3 alternate_address_number"),
    **_of(FieldType.TEXT, "alternate_address_number_suffix alternate_zip_code alternate_city"),
    **_of(FieldType.TEXT, "alternate_state alternate_country"),
    **_of(FieldType.TEXT, "company_name department contact_man job_title"),
    **_of(FieldType.TEXT, "work_phone work_extension work_mobile home_phone mobile_phone fax_number"),
    **_of(FieldType.TEXT, "email_address alternate_email_address email_type website language"),
    **_of(FieldType.YES_NO, "opt_in sms_opt_in"),
}

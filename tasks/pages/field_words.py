"""What the pages call a customer's fields that no mapping names."""

FIELD_WORDS = {
    "deleted_in_salesforce_at": "deleted in Salesforce",
    "merged_into_customer_id": "joined to another customer",
    "mail_status": "may be mailed, but for consent",
    "salesforce_object": "kind of source record",
    "salesforce_id": "source record",
    "secondary_salesforce_id": "second record",
}

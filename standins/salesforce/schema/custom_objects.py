"""sObjects that an org's administrator adds."""

from standins.salesforce.schema.common_fields import flag, record_id, reference, stamps
from standins.salesforce.schema.fields import Field, SObject


def custom_object(name: str, label: str, *fields: Field, label_plural: str = "", number_format: str = "") -> SObject:
    """Return a custom object with its own `fields` after those of every custom object.

    With a `number_format` such as `CM-{000000}` the org numbers the records; without one they have a name. The org
    that it is added to gives it the first characters of its Ids.
    """
    record_name = Field("Name", f"{label} Name", length=80, defaulted=True, nillable=False)
    if number_format:
        record_name = Field("Name", f"{label} Number", length=80, nillable=False, number_format=number_format).locked()
    own = (
        record_id(label),
        reference("OwnerId", "Owner ID", "Group", "User", nillable=False, defaulted=True),
        flag("IsDeleted", "Deleted").locked(),
        record_name,
        *stamps(),
        *fields,
    )
    return SObject(name, label_plural or f"{label}s", "", own, label=label, refuses=("mergeable",))

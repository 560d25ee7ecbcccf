"""An org with three hundred fields of its own, all of them mapped."""

from dataclasses import replace

from crm_sync.mapping.model import CustomerFieldKind, FieldLink
from standins.salesforce.schema.fields import Field
from tests.rigs.org import Rig

# As long as API names may be: more than an address holds, if the query stood in one.
MANY = [f"{'A_name_as_long_as_salesforce_allows':_<37}{number:03}__c" for number in range(300)]


def option_link(field: str, name: str) -> FieldLink:
    """Return a link to an option field."""
    return FieldLink(salesforce_field=field, kind=CustomerFieldKind.OPTION, name=name)


def add_fields(rig: Rig, *fields: Field) -> None:
    """Give contacts more fields."""
    contact = rig.org.schema["Contact"]
    rig.org.add_object(replace(contact, fields=(*contact.fields, *fields)))


def map_many_fields(rig: Rig) -> None:
    """Give contacts three hundred fields, each of which fills an option field, `option 0` and so on."""
    add_fields(rig, *(Field(name, name, length=255) for name in MANY))
    rig.mapping.contact.links += [option_link(name, f"option {number}") for number, name in enumerate(MANY)]

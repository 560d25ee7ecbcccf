"""The definition of a field and of an sObject."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

LONG_TEXT = 255
# Made of other fields; they have no value of their own.
COMPOUND = ("address", "location")


@dataclass(frozen=True)
class Field:
    """A field: its name, type and size, and who may write it."""

    name: str
    label: str
    type: str = "string"
    length: int = 0
    precision: int = 0
    scale: int = 0
    digits: int = 0
    createable: bool = True
    updateable: bool = True
    nillable: bool = True
    defaulted: bool = False
    default: str | bool | None = None
    external_id: bool = False
    unique: bool = False
    compound: str | None = None
    extra: str | None = None
    refers_to: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    restricted: bool = False
    number_format: str = ""
    calculated: bool = False
    # Of an encrypted text, all but the last four characters, for a user without the permission to view it.
    masked: bool = False

    @property
    def custom(self) -> bool:
        """Return whether the org's administrator made this field."""
        return self.name.endswith("__c")

    @property
    def long(self) -> bool:
        """Return whether this is a long text, which Salesforce neither filters nor sorts."""
        return self.type == "textarea" and self.length > LONG_TEXT

    @property
    def filterable(self) -> bool:
        """Return whether WHERE may name this field."""
        return not self.long and self.type != "encryptedstring"

    @property
    def sortable(self) -> bool:
        """Return whether ORDER BY may name this field."""
        return not self.long and self.type not in (*COMPOUND, "multipicklist", "encryptedstring")

    @property
    def required(self) -> bool:
        """Return whether an insert has to give this field a value."""
        return self.createable and not self.nillable and not self.defaulted

    @property
    def relationship(self) -> str | None:
        """Return the name that leads to the record whose Id this field holds."""
        if not self.refers_to:
            return None
        return f"{self.name[:-3]}__r" if self.custom else self.name.removesuffix("Id")

    def locked(self) -> "Field":
        """Return this field as one that only the org writes."""
        return replace(self, createable=False, updateable=False)


@dataclass(frozen=True)
class SObject:
    """An sObject type: its name, the first characters of its Ids, its fields, and what cannot be done with it."""

    name: str
    label_plural: str
    prefix: str
    fields: tuple[Field, ...]
    refuses: tuple[str, ...] = ()
    label: str = ""

    @cached_property
    def _by_name(self) -> dict[str, Field]:
        return {field.name.lower(): field for field in self.fields}

    def __iter__(self) -> Iterator[Field]:
        """Go through the fields in the order of the describe."""
        return iter(self.fields)

    def field(self, name: str) -> Field | None:
        """Return the field of that name in any case, or None."""
        return self._by_name.get(name.lower())

    def relationship(self, name: str) -> Field | None:
        """Return the field behind a relationship of that name in any case, or None."""
        parents = (field for field in self.fields if field.relationship is not None)
        return next((field for field in parents if str(field.relationship).lower() == name.lower()), None)

    def components(self, compound: str) -> list[Field]:
        """Return the fields that a compound field is made of."""
        return [field for field in self.fields if field.compound == compound]

    def without(self, *names: str) -> "SObject":
        """Return this sObject as a user sees it who may not see the fields of these names."""
        return replace(self, fields=tuple(field for field in self.fields if field.name not in names))

"""The fields that the names in a query mean, also over parents: `Account.Name`, `ReportsTo.Account.BillingCity`."""

from collections.abc import Mapping
from dataclasses import dataclass

from standins.salesforce.errors import SalesforceError
from standins.salesforce.schema.fields import Field, SObject
from standins.salesforce.schema.setup_objects import as_name
from standins.salesforce.soql.parser import Query, Token, located

_MAX_LEVELS = 5
_MAX_PARENTS = 55

Path = tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """A record that a row of the query reaches: itself, or the parent at the end of a path."""

    path: Path
    alias: str
    sobject: SObject
    table: str


@dataclass(frozen=True)
class Column:
    """A field of the record at some place."""

    field: Field
    place: Place

    @property
    def name(self) -> str:
        """Return the name by which answers call it, in the org's own capitals."""
        return ".".join((*self.place.path, self.field.name))

    @property
    def sql(self) -> str:
        """Return the name by which SQL calls it."""
        value = f'{self.place.alias}."{self.field.name}"'
        if not self.field.masked:
            return value
        hidden = f"REPLACE(HEX(ZEROBLOB(MAX(LENGTH({value}) - 4, 0))), '00', '*')"
        return f"{hidden} || SUBSTR({value}, -4)"


class Paths:
    """The places that one query reaches, found as its names are looked up."""

    def __init__(self, query: Query, schema: Mapping[str, SObject]) -> None:
        """Start from the sObject of the query; raise SalesforceError INVALID_TYPE for an unknown one."""
        self._query = query
        self._schema = schema
        self.sobject = self._find_sobject(query.sobject)
        self.places: dict[Path, Place] = {(): Place((), "t0", self.sobject, self.sobject.name)}
        self._joins: list[str] = []

    def column(self, token: Token) -> Column:
        """Return the column of a name; raise SalesforceError INVALID_FIELD for one that the user cannot see."""
        *relationships, name = token.text.split(".")
        if len(relationships) > _MAX_LEVELS:
            message = f"A relationship path can have no more than {_MAX_LEVELS} levels: {token.text}"
            raise refusal(self._query, "MALFORMED_QUERY", token, message)
        place = self.places[()]
        for relationship in relationships:
            place = self._parent(place, relationship, token)
        field = place.sobject.field(name)
        if field is None:
            raise refusal(
                self._query,
                "INVALID_FIELD",
                token,
                f"No such column '{name}' on entity '{place.sobject.name}'. If you are attempting to use a custom "
                "field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the "
                "describe call for the appropriate names.",
            )
        return Column(field, place)

    def source(self) -> str:
        """Return the tables for FROM, with every parent that was looked up."""
        return " ".join([f'"{self.sobject.name}" AS t0', *self._joins])

    def _find_sobject(self, name: Token) -> SObject:
        for sobject in self._schema.values():
            if sobject.name.lower() == name.text.lower():
                return sobject
        raise refusal(
            self._query,
            "INVALID_TYPE",
            name,
            f"sObject type '{name.text}' is not supported. If you are attempting to use a custom object, be sure to "
            "append the '__c' after the entity name. Please reference your WSDL or the describe call for the "
            "appropriate names.",
        )

    def _parent(self, child: Place, relationship: str, token: Token) -> Place:
        field = child.sobject.relationship(relationship)
        targets = [self._schema[name] for name in field.refers_to if name in self._schema] if field else []
        if field is None or field.relationship is None or not targets:
            raise refusal(
                self._query,
                "INVALID_FIELD",
                token,
                f"Didn't understand relationship '{relationship}' in field path. If you are attempting to use a "
                "custom relationship, be sure to append the '__r' after the custom relationship name. Please "
                "reference your WSDL or the describe call for the appropriate names.",
            )
        path = (*child.path, field.relationship)
        if path not in self.places:
            self._add(child, field, path, targets[-1], token)
        return self.places[path]

    def _add(self, child: Place, field: Field, path: Path, target: SObject, token: Token) -> None:
        if len(self._joins) == _MAX_PARENTS:
            message = f"A query can have no more than {_MAX_PARENTS} child-to-parent relationships"
            raise refusal(self._query, "MALFORMED_QUERY", token, message)
        alias = f"t{len(self.places)}"
        seen = as_name(target) if len(field.refers_to) > 1 else target
        self.places[path] = Place(path, alias, seen, target.name)
        # Each Id is that of one record at most, so a join never adds rows.
        self._joins.append(f'LEFT JOIN "{target.name}" AS {alias} ON {alias}.Id = {child.alias}."{field.name}"')


def refusal(query: Query, code: str, token: Token, message: str) -> SalesforceError:
    """Return the error for a word of the query, with the place where it stands."""
    return SalesforceError(400, code, located(query.text, token.position, message))

"""Orgs as they are: hundreds of fields, places on the map, records out of sight, and another instance."""

from dataclasses import replace

import pytest

from blocks.data_mapping import DataMapping
from crm_sync.database.tables.customers import customer
from crm_sync.errors import MappingError
from crm_sync.mapping.model import CustomerFieldKind, FieldLink
from crm_sync.mapping.unstamped import FormulaReading
from standins.salesforce.schema.common_fields import geolocation
from standins.salesforce.schema.fields import Field
from tests.rigs.org import Rig

pytestmark = pytest.mark.flow

_OPTION = CustomerFieldKind.OPTION
# As long as API names may be: more than an address holds, if the query stood in one.
_MANY = [f"{'A_name_as_long_as_salesforce_allows':_<37}{number:03}__c" for number in range(300)]


def _add_fields(rig: Rig, *fields: Field) -> None:
    contact = rig.org.schema["Contact"]
    rig.org.add_object(replace(contact, fields=(*contact.fields, *fields)))


def _option(field: str, name: str) -> FieldLink:
    return FieldLink(salesforce_field=field, kind=_OPTION, name=name)


def _contact(rig: Rig) -> str:
    sources = {row["salesforce_id"] for row in rig.rows(customer)}
    return str(next(row["Id"] for row in rig.people("Contact") if row["Id"] in sources))


def _customer(rig: Rig, contact: str) -> dict[str, object]:
    return next(row for row in rig.rows(customer) if row["salesforce_id"] == contact)


def test_three_hundred_fields_are_synced_and_pulled(rig: Rig) -> None:
    _add_fields(rig, *(Field(name, name, length=255) for name in _MANY))
    rig.mapping.contact.links += [_option(name, f"option {number}") for number, name in enumerate(_MANY)]
    rig.mapping.formulas = FormulaReading.DAILY
    rig.sync()
    contact = _contact(rig)
    for row in rig.people("Contact"):
        if not row["IsDeleted"]:
            rig.org.records.update("Contact", row["Id"], {name: f"value of {name}"[:255] for name in _MANY})

    summary = rig.pull(approve_changes=True)

    assert summary.state in {"Completed", "CompletedWithRejects"}
    options = _customer(rig, contact)["options"]
    assert isinstance(options, dict)
    assert [options[f"option {number}"] for number in (0, 299)] == [
        f"value of {name}" for name in (_MANY[0], _MANY[-1])
    ]
    assert rig.sync().total.written == 0


def test_place_is_mapped_by_its_parts(rig: Rig) -> None:
    _add_fields(rig, *geolocation("Loc", "Place"))
    links = list(rig.mapping.contact.links)
    rig.mapping.contact.links = [*links, _option("Loc__c", "place")]
    with pytest.raises(MappingError, match="map its parts: Loc__Latitude__s, Loc__Longitude__s"):
        rig.sync()

    rig.mapping.contact.links = [*links, _option("Loc__Latitude__s", "north"), _option("Loc__Longitude__s", "east")]
    rig.sync()
    contact = _contact(rig)
    rig.org.records.update("Contact", contact, {"Loc__Latitude__s": 52.090736, "Loc__Longitude__s": -5.12142})
    rig.pull()
    options = _customer(rig, contact)["options"]
    assert isinstance(options, dict)
    assert (options["north"], options["east"]) == (52.090736, -5.12142)
    assert rig.sync().total.written == 0, "both APIs give the same digits"


def test_few_records_out_of_sight_count_as_deleted_and_come_back(synced: Rig) -> None:
    contact = _contact(synced)
    synced.clock.move(days=2)
    synced.org.hide_records("Contact", contact)
    before = _customer(synced, contact)["deleted_in_salesforce_at"]

    assert synced.pull().total.deleted == 0, "a pull sees nothing of it"
    assert _customer(synced, contact)["deleted_in_salesforce_at"] is before is None
    synced.sync()
    assert not [row for row in synced.rows(customer) if row["salesforce_id"] == contact and not _is_gone(row)]

    synced.org.hide_records("Contact")
    synced.sync()
    assert _customer(synced, contact)["deleted_in_salesforce_at"] is None


def _is_gone(row: dict[str, object]) -> bool:
    return row["deleted_in_salesforce_at"] is not None


def test_org_that_has_moved_costs_one_login(synced: Rig) -> None:
    assert isinstance(synced.mapping, DataMapping)
    contact = _contact(synced)
    synced.org.records.update("Contact", contact, {"Title": "Poet"})
    synced.org.logins.move_instance()

    assert synced.pull().state == "Completed"

    assert _customer(synced, contact)["job_title"] == "Poet"
    assert synced.requests() == ["composite", "login", "composite"]
    synced.org.journal.clear()
    synced.pull()
    assert synced.requests() == ["composite"]

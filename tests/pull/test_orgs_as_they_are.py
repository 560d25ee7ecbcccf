"""Orgs as they are: hundreds of fields, places on the map, records out of sight, and another instance."""

from dataclasses import replace

import pytest

from blocks.data_mapping import DataMapping
from crm_sync.database.tables.customers import customer
from crm_sync.errors import MappingError
from crm_sync.mapping.unstamped import FormulaReading
from standins.salesforce.schema.common_fields import geolocation
from tests.rigs.many_fields import MANY, add_fields, map_many_fields, option_link
from tests.rigs.org import Rig

pytestmark = pytest.mark.flow


def _contact(rig: Rig) -> str:
    sources = {row["salesforce_id"] for row in rig.rows(customer)}
    return str(next(row["Id"] for row in rig.people("Contact") if row["Id"] in sources))


def _customer(rig: Rig, contact: str) -> dict[str, object]:
    return next(row for row in rig.rows(customer) if row["salesforce_id"] == contact)


def test_three_hundred_fields_are_synced_and_pulled(rig: Rig) -> None:
    map_many_fields(rig)
    rig.mapping.formulas = FormulaReading.DAILY
    rig.sync()
    contact = _contact(rig)
    for row in rig.people("Contact"):
        if not row["IsDeleted"]:
            rig.org.records.update("Contact", row["Id"], {name: f"value of {name}"[:255] for name in MANY})

    summary = rig.pull(approve_changes=True)

    assert summary.state in {"Completed", "CompletedWithRejects"}
    options = _customer(rig, contact)["options"]
    assert isinstance(options, dict)
    assert [options[f"option {number}"] for number in (0, 299)] == [f"value of {name}" for name in (MANY[0], MANY[-1])]
    assert rig.sync().total.written == 0


def test_org_with_another_character_set_keeps_its_names(rig: Rig) -> None:
    contact = rig.org.records.insert("Contact", {"LastName": "Göl", "FirstName": "Zoë", "Email": "zoe@planted.example"})
    rig.org.settings.bulk_charset = "ISO-8859-1"

    rig.sync()

    person = _customer(rig, contact)
    assert (person["firstname"], person["lastname"]) == ("Zoë", "Göl")


def test_place_is_mapped_by_its_parts(rig: Rig) -> None:
    add_fields(rig, *geolocation("Loc", "Place"))
    links = list(rig.mapping.contact.links)
    rig.mapping.contact.links = [*links, option_link("Loc__c", "place")]
    with pytest.raises(MappingError, match="map its parts: Loc__Latitude__s, Loc__Longitude__s"):
        rig.sync()

    rig.mapping.contact.links = [
        *links,
        option_link("Loc__Latitude__s", "north"),
        option_link("Loc__Longitude__s", "east"),
    ]
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


def test_api_name_that_gets_other_capitals_is_the_same_field(rig: Rig) -> None:
    rig.mapping.contact.links += [option_link("Score__c", "score"), option_link("DESCRIPTION", "story")]
    rig.sync()
    contact, kind = _contact(rig), rig.org.schema["Contact"]
    fields = tuple(replace(field, name="SCORE__c") if field.name == "Score__c" else field for field in kind)
    rig.org.schema["Contact"] = replace(kind, fields=fields)
    rig.org.records.redefine(rig.org.schema["Contact"])
    texts = ("null", "#N/A", "\u2028x\u2029", 'He said "no",\r\nand left', "NaN")
    rig.org.records.update("Contact", contact, {"SCORE__c": 5, "Title": texts[0], "Description": texts[3]})

    assert rig.pull().state == "Completed"
    for number, text in enumerate(texts):
        rig.org.records.update("Contact", contact, {"Title": text})
        # By the Bulk API's CSV too, in which an empty value and a text must not be taken for each other.
        _ = rig.pull() if number % 2 else rig.sync()
        person = _customer(rig, contact)
        assert person["job_title"] == text
        assert person["options"]["score"] == 5  # type: ignore[index]
        assert person["options"]["story"] == texts[3]  # type: ignore[index]

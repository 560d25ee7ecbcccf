"""A no and a yes go both ways, whatever holds consent: a checkbox, an own one, a pick list, of leads or contacts."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from blocks.data_mapping import DataMapping
from crm_sync.database.tables.consent import consent_delivery
from crm_sync.database.tables.customers import customer
from crm_sync.mapping.model import FieldLink, MappingRules
from tests.rigs.ageing import let_all_age
from tests.rigs.org import Rig, start_rig

pytestmark = pytest.mark.flow
ADDRESS = "ada@planted.example"


@dataclass(frozen=True)
class Place:
    """The field of a record that holds consent, and how it spells yes and no."""

    sobject: str
    field: str
    yes: Any
    no: Any
    opposite: bool = False
    name: str = "opt_in"

    def mapping(self) -> DataMapping:
        """Return the standard mapping with this field for consent, and no other one."""
        rules = DataMapping().rules()
        links = [
            link
            for link in rules.contact.links
            if not link.is_consent and link.salesforce_field in {"Email", "LastName"}
        ]
        own = FieldLink(salesforce_field=self.field, name=self.name, opposite=self.opposite)
        one = rules.contact.model_copy(update={"links": [*links, own]})
        return DataMapping.of(MappingRules(lead=one, contact=one))


PLACES = [
    Place("Contact", "HasOptedOutOfEmail", False, True, opposite=True),
    Place("Lead", "HasOptedOutOfEmail", False, True, opposite=True),
    Place("Lead", "hasoptedoutofemail", False, True, opposite=True),
    Place("Contact", "Email_Opt_In__c", True, False),
    Place("Lead", "Email_Opt_In__c", True, False),
    Place("Contact", "Newsletter__c", "Y", "N"),
    Place("Lead", "Newsletter__c", "Y", "N"),
    Place("Contact", "Newsletter__c", "N", "Y", opposite=True),
    Place("Contact", "HasOptedOutOfEmail", False, True, opposite=True, name="sms_opt_in"),
    Place("Lead", "Email_Opt_In__c", True, False, name="sms_opt_in"),
]


@dataclass
class Person:
    """Somebody with one record and one customer."""

    rig: Rig
    place: Place
    record: str = ""

    def come(self) -> None:
        """Be read, at yes."""
        values = {"LastName": "A", "Email": ADDRESS, self.spelt: self.place.yes}
        more = {"Company": "B"} if self.place.sobject == "Lead" else {}
        self.record = self.rig.org.records.insert(self.place.sobject, values | more)
        self.rig.mapping = self.place.mapping()
        self.rig.sync()

    @property
    def spelt(self) -> str:
        """The field as the org has it."""
        return "HasOptedOutOfEmail" if self.place.field.islower() else self.place.field

    def there(self) -> Any:
        """Return what the record says."""
        return self.rig.org.records.get(self.place.sobject, self.record)[self.spelt]

    def here(self) -> Any:
        """Return what the customer stands at."""
        return self.rig.rows(customer)[0][self.place.name]

    def say_here(self, *, yes: bool) -> None:
        """Let somebody's SQL change the customer, and a pull run."""
        opened = self.rig.customers.open()
        with opened.transaction() as connection:
            connection.execute(update(customer).values({self.place.name: yes}))
        opened.close()
        self.pull()

    def say_there(self, value: Any) -> None:
        """Let a user of Salesforce edit the record, and a pull run."""
        let_all_age(self.rig, minutes=20)
        self.rig.org.records.update(self.place.sobject, self.record, {self.spelt: value})
        self.pull()

    def pull(self) -> None:
        let_all_age(self.rig, minutes=20)
        self.rig.pull()


@pytest.fixture
def rig(tmp_path: Path, database_url: str) -> Iterator[Rig]:
    """Start an org without people, once with SQLite and once with PostgreSQL."""
    with start_rig(tmp_path, database_url, people=0) as started:
        yield started


@pytest.mark.sample(2)
@pytest.mark.parametrize("place", PLACES, ids=lambda one: f"{one.sobject}.{one.field}-{one.name}-{one.yes}")
def test_no_and_yes_go_both_ways(rig: Rig, place: Place) -> None:
    person = Person(rig, place)
    person.come()
    assert (person.here(), person.there()) == (True, place.yes)
    person.say_here(yes=False)
    assert (person.here(), person.there()) == (False, place.no)
    person.pull()
    person.say_there(place.yes)
    assert (person.here(), person.there()) == (True, place.yes), "the user had seen the no"
    person.say_there(place.no)
    assert (person.here(), person.there()) == (False, place.no)
    person.say_here(yes=True)
    assert (person.here(), person.there()) == (True, place.yes), "the person takes it back, in the field's own words"
    person.pull()
    assert (person.here(), person.there()) == (True, place.yes)


def test_formula_that_holds_consent_is_read_and_never_written(rig: Rig) -> None:
    rig.org.change_field("Contact", "Email_Opt_In__c", createable=True, updateable=False, calculated=True)
    person = Person(rig, Place("Contact", "Email_Opt_In__c", True, False))
    person.come()
    rig.org.records.recalculate("Contact", person.record, {"Email_Opt_In__c": False})
    rig.sync()
    assert person.here() is False, "a formula changes without a stamp, and the weekly sync finds it"
    let_all_age(rig, minutes=20)
    rig.org.records.recalculate("Contact", person.record, {"Email_Opt_In__c": True})
    rig.sync()
    assert person.here() is True
    person.say_here(yes=False)
    assert person.here() is False, "Salesforce takes no word for it, and it holds all the same"
    (waiting,) = rig.rows(consent_delivery)
    assert (waiting["delivered_at"], waiting["error_code"]) == (None, "INVALID_FIELD_FOR_INSERT_UPDATE")


def test_no_survives_another_field_for_it(rig: Rig) -> None:
    person = Person(rig, Place("Contact", "HasOptedOutOfEmail", False, True, opposite=True))
    person.come()
    rig.org.records.update("Contact", person.record, {"Newsletter__c": "Y"})
    person.say_here(yes=False)
    person.place = Place("Contact", "Newsletter__c", "Y", "N")
    rig.mapping = person.place.mapping()
    let_all_age(rig, minutes=20)
    rig.sync()
    assert (person.here(), person.there()) == (False, "N")


def test_record_that_is_restored_has_the_no_it_had(rig: Rig) -> None:
    person = Person(rig, PLACES[0])
    person.come()
    person.say_there(person.place.no)
    rig.org.records.delete("Contact", person.record)
    person.pull()
    rig.org.records.undelete("Contact", person.record)
    person.pull()
    assert (person.here(), person.there()) == (False, person.place.no)


def test_channels_are_apart(rig: Rig) -> None:
    person = Person(rig, PLACES[0])
    person.come()
    rules = rig.mapping.rules()
    both = [*rules.contact.links, FieldLink(salesforce_field="Email_Opt_In__c", name="sms_opt_in")]
    rig.mapping = DataMapping.of(rules.model_copy(update={"contact": rules.contact.model_copy(update={"links": both})}))
    rig.org.records.update("Contact", person.record, {"Email_Opt_In__c": True})
    rig.sync()
    rig.org.records.update("Contact", person.record, {"Email_Opt_In__c": False})
    person.pull()
    (row,) = rig.rows(customer)
    assert (row["opt_in"], row["sms_opt_in"]) == (True, False)

"""The stand-in as a process keeps it, and what its campaigns count."""

import re
from dataclasses import fields
from pathlib import Path

from standins.deployteq.brand import Brand
from standins.deployteq.kept import keep, restore
from standins.deployteq.people import People
from standins.deployteq.switches import Switches
from tests.deployteq.constants import TOKEN


def test_a_brand_is_the_same_at_its_next_start(brand: Brand, people: People, tmp_path: Path) -> None:
    number = people.insert(emailAddress="ann@example.com", options=[{"name": "salesforce_customer", "value": "c1"}])
    people.unsubscribe(number)
    file = tmp_path / "brand.json"
    keep(brand, file)

    again = Brand(TOKEN)
    assert not restore(again, tmp_path / "another.json")
    assert restore(again, file)

    assert (again.customers, again.groups, again.members) == (brand.customers, brand.groups, brand.members)
    assert again.matching({"options": {"salesforce_customer": "C1"}}) == [brand.customers[number]]
    assert again.number() > number


def test_every_switch_is_tried() -> None:
    text = "".join(file.read_text() for file in Path(__file__).parent.glob("test_*.py"))
    # Set by itself, or by a row of a table of switches.
    tried = {*re.findall(r"switches\.(\w+) [+-]?= ", text), *re.findall(r"[(]\"(\w+)\", ", text)}
    assert [one.name for one in fields(Switches) if one.name not in tried] == []


def test_a_campaign_counts_whom_it_mails_wrongly(brand: Brand) -> None:
    brand.greets = "salesforce_first_delivery"
    stamp = {"options": [{"name": "salesforce_first_delivery", "value": "2026-11-26"}]}
    greeted = brand.insert({"emailAddress": "a@example.com", "optIn": "Y"})["id"]
    brand.insert({"emailAddress": "b@example.com", "optIn": "Y", **stamp})
    brand.insert({"emailAddress": "c@example.com", "optIn": "N"})
    brand.insert({"lastname": "Nobody", "optIn": "Y"})
    brand.insert({"emailAddress": "d@example.com", "optIn": "Y"}, by="j.jansen")
    assert brand.greeted == [greeted]

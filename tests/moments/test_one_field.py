"""A field of the moment objects that Salesforce does not take any more is left out by name, and the moments go."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from crm_sync.sobject import SObject
from tests.rigs.moments import BULKY, CONTACTS, NOW, MomentRig

pytestmark = pytest.mark.flow

LEAD, CONTACT = SObject.LEAD, SObject.CONTACT


def _hide(org: MomentRig) -> None:
    org.rig.org.hide_fields(CONTACTS.name, "Campaign__c")


def _lock(org: MomentRig) -> None:
    org.rig.org.change_field(CONTACTS.name, "Campaign__c", createable=False, updateable=False)


def _shorten(org: MomentRig) -> None:
    org.rig.org.change_field(CONTACTS.name, "Campaign__c", length=3)


def _make_a_date(org: MomentRig) -> None:
    org.rig.org.change_field(CONTACTS.name, "Campaign__c", type="date")


@pytest.mark.parametrize("change", [_hide, _lock, _shorten, _make_a_date])
def test_field_that_salesforce_does_not_take_is_left_out_by_name_and_the_moments_go(
    org: MomentRig, change: Callable[[MomentRig], None]
) -> None:
    before = org.rig.org.schema[CONTACTS.name]
    change(org)
    org.record({"moment_id": "a1", "of": "ada", "campaign": "Spring"})
    org.record({"moment_id": "g1", "of": "grace", "campaign": "Spring"}, {"moment_id": "g2", "of": "grace"})

    summary = org.export()

    assert (set(org.shown(LEAD)), set(org.shown(CONTACT))) == ({"a1"}, {"g1", "g2"})
    assert (summary.left_out, summary.total.added, summary.total.refused) == ({"Campaign__c": 1}, 2, 1)
    assert "written without a field that Salesforce does not take: Campaign__c (1)" in summary.sentence()
    assert org.shown(CONTACT)["g1"]["Subject__c"] == "News"
    org.kinds()
    again = org.state()
    assert (again.name, org.kinds()) == ("CompletedWithRefusals", [])
    org.rig.org.schema[CONTACTS.name] = before
    org.rig.org.records.redefine(before)
    assert org.export(refused_again=True).state == "Completed"
    org.assert_nothing_twice_nothing_lost()


def test_field_that_is_hidden_costs_a_bulk_job_once(bulky: MomentRig) -> None:
    bulky.rig.org.hide_fields(CONTACTS.name, "Opens__c")

    summary = bulky.export()

    assert len(bulky.shown(CONTACT)) == BULKY
    assert summary.left_out == {"Opens__c": BULKY}


def test_moment_that_went_without_a_field_is_emptied_where_it_was_when_it_moves(org: MomentRig) -> None:
    _hide(org)
    org.record({"moment_id": "m1", "of": "grace", "subject": "Hi Grace", "campaign": "Spring"})
    org.export()

    org.record({"moment_id": "m1", "of": "ada", "subject": "Hi Ada"}, now=NOW + timedelta(hours=1))
    org.export()

    assert org.shown(CONTACT)["m1"]["Subject__c"] is None
    assert org.shown(LEAD)["m1"]["Subject__c"] == "Hi Ada"

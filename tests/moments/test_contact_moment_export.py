"""The contact moment export: which moments go, where to, with how many requests, and what is said of the others."""

import re
from collections import Counter
from pathlib import Path

import pytest

from blocks.contact_moment_objects import ContactMomentObjects
from blocks.contact_moment_settings import ContactMomentSettings
from crm_sync.database.tables.customers import sync_run
from crm_sync.database.tables.moments import moment_export
from crm_sync.moments.objects import MomentFields
from crm_sync.sobject import SObject
from tests.rigs.moments import NOW, MomentRig, add_moment_objects, opened, start_moment_rig
from tests.rigs.org import artifact

pytestmark = pytest.mark.flow

LEAD, CONTACT = SObject.LEAD, SObject.CONTACT
BULK = {"ingest_jobs": 2, "ingest_upload": 2, "ingest_job": 4}


def test_moments_go_to_the_lead_and_to_the_contact(org: MomentRig) -> None:
    org.record({"moment_id": "a1", "of": "ada", **opened(2)}, {"moment_id": "g1", "of": "grace"})

    summary = org.export()

    assert (summary.state, summary.total.added, summary.requests_used) == ("Completed", 2, 1)
    assert set(org.shown(LEAD)) == {"a1"}
    assert set(org.shown(CONTACT)) == {"g1"}
    assert org.shown(LEAD)["a1"]["Opens__c"] == 2
    assert org.shown(LEAD)["a1"]["FirstOpenedAt__c"] == "2026-11-01T10:00:00.000Z"
    org.assert_nothing_twice_nothing_lost()


def test_run_without_changes_makes_no_request(org: MomentRig) -> None:
    org.record({"moment_id": "a1", "of": "ada"})
    org.export()
    org.kinds()

    summary = org.export()

    assert (summary.state, summary.total.added, summary.total.updated, org.kinds()) == ("Completed", 0, 0, [])


def test_moment_opened_five_times_since_is_written_once(org: MomentRig) -> None:
    org.record({"moment_id": "a1", "of": "ada"}, {"moment_id": "a2", "of": "ada"})
    org.export()
    for times in range(1, 6):
        org.record({"moment_id": "a1", "of": "ada", **opened(times)})
    org.kinds()

    summary = org.export()

    assert (summary.total.updated, summary.total.added, org.kinds()) == (1, 0, ["composite"])
    org.assert_nothing_twice_nothing_lost()


def test_moments_of_a_customer_without_a_record_wait_and_go_when_it_appears(org: MomentRig) -> None:
    org.lead("later")
    org.record({"moment_id": "g1", "of": "grace"}, {"moment_id": "n1", "of": "nobody"})

    summary = org.export()

    assert (summary.without_record.moments, summary.without_record.since, summary.total.added) == (1, NOW, 1)
    assert "1 wait until their customer has a lead or contact" in summary.sentence()
    assert "for their customer to have a lead or contact | 1 |" in artifact("contact-moment-export-summary")
    org.pull()
    org.record({"moment_id": "n1", "of": "later"})
    assert org.export().total.added == 1
    org.assert_nothing_twice_nothing_lost()


def test_moments_of_a_converted_lead_go_to_its_contact_after_the_pull(org: MomentRig) -> None:
    (lead,) = org.rig.people("Lead")
    org.record({"moment_id": "a1", "of": "ada"})
    org.export()
    contact = org.rig.org.records.convert(lead["Id"])
    org.pull()

    org.export()

    assert org.parents(CONTACT) == {"a1": contact}


def test_cap_leaves_the_rest_to_the_next_run_and_says_so(org: MomentRig) -> None:
    settings = ContactMomentSettings(most_per_run=3)
    org.record_many(5, "ada", "grace")

    first, second = org.export(settings=settings), org.export(settings=settings)

    assert (first.state, first.total.added, first.left.moments, first.forecast.due) == ("CutByCap", 3, 2, 3)
    assert "2 contact moments wait, the first since 2026-11-02 09:00 UTC" in first.sentence()
    assert (second.state, second.total.added) == ("Completed", 2)
    org.assert_nothing_twice_nothing_lost()


def test_both_objects_are_written_when_the_setting_says_so(org: MomentRig) -> None:
    lead, contact = org.lead("both"), org.contact("both")
    org.pull()
    org.record({"moment_id": "b1", "of": "both"})

    summary = org.export(settings=ContactMomentSettings(both_objects=True))

    assert (summary.total.added, summary.requests_used) == (2, 1)
    assert (org.parents(LEAD), org.parents(CONTACT)) == ({"b1": lead}, {"b1": contact})


def test_dry_run_only_forecasts_the_cost(org: MomentRig) -> None:
    org.record_many(1_500, "ada", "grace")
    org.kinds()

    state = org.state(dry_run=True)

    assert (state.name, state.is_completed(), org.kinds()) == ("DryRun", True, [])
    said = (
        "1,500 contact moments have to go to Salesforce, 1,500 of them new: at most 2 requests without repeats, and 3.1"
    )
    assert said in str(state.message)
    assert org.rows(moment_export) == []


def test_cost_is_logged_before_the_first_request(org: MomentRig, caplog: pytest.LogCaptureFixture) -> None:
    org.record({"moment_id": "g1", "of": "grace"})

    summary = org.export()

    expected = [record.message for record in caplog.records if "have to go to Salesforce" in record.message]
    assert expected == [f"{summary.forecast.sentence()}."]


@pytest.mark.parametrize(("moments", "kinds"), [(2_000, {"composite": 2}), (12_000, BULK)])
def test_many_moments_take_few_requests(org: MomentRig, moments: int, kinds: dict[str, int]) -> None:
    org.record_many(moments, "ada", "grace")
    org.kinds()

    summary = org.export()

    assert summary.total.added == moments
    assert Counter(org.kinds()) == kinds
    assert summary.forecast.requests >= summary.requests_used
    org.assert_nothing_twice_nothing_lost()


def test_missing_objects_are_reported_with_the_way_out(org: MomentRig) -> None:
    org.record({"moment_id": "g1", "of": "grace"})

    state = org.state(objects=ContactMomentObjects(contact_object="Nowhere__c"))

    assert state.name == "CompletedWithRefusals"
    assert org.exports()["g1"]["refusal"] == "permission"
    assert "install-contact-moment-objects" in artifact("contact-moment-export-errors")
    assert org.export().total.added == 1, "with the right names it goes, without anybody's help"


def test_objects_of_another_package_are_written_by_their_names(org: MomentRig) -> None:
    fields = MomentFields(moment_id="Key__c", bounce_reason="")
    block = ContactMomentObjects(namespace="clang", contact_object="M_Contact__c", fields=fields)
    add_moment_objects(org.rig, block)
    org.record({"moment_id": "g1", "of": "grace", "bounce_reason": "full"})
    block.save("clang-moments", overwrite=True)
    ContactMomentSettings(max_age_days=0).save("clang-settings", overwrite=True)

    org.export(objects="clang-moments", settings="clang-settings")

    (row,) = org.rig.people("clang__M_Contact__c")
    assert (row["clang__Key__c"], row["clang__Subject__c"]) == ("g1", "News")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"objects": "nowhere"}, "There is no block 'nowhere' of type 'Contact moment objects'"),
        ({"settings": "nowhere"}, "There is no block 'nowhere' of type 'Contact moment settings'"),
    ],
)
def test_block_that_is_not_there_is_one_sentence(org: MomentRig, options: dict[str, str], expected: str) -> None:
    state = org.state(**options)

    assert state.name == "NotConfigured"
    assert expected in str(state.message)
    assert org.kinds() == []


def test_run_is_recorded_with_its_state_and_its_page_adds_up(org: MomentRig) -> None:
    org.record_many(4, "ada", "grace")

    summary = org.export()

    last = org.rows(sync_run)[-1]
    recorded = (last["flow"], last["state"], last["requests_used"])
    assert recorded == ("contact_moment_export", "Completed", summary.requests_used)
    assert re.search(r"^\| added \|.* 4 \|$", artifact("contact-moment-export-summary"), re.MULTILINE)
    assert '"added": 4' in artifact("contact-moment-export-counts")


def test_export_works_on_postgresql_too(tmp_path: Path, postgresql_url: str) -> None:
    with start_moment_rig(tmp_path, postgresql_url) as org:
        org.lead("ada")
        org.contact("grace")
        org.pull()
        org.record_many(30, "ada", "grace", **opened(2))

        org.export()
        org.record({"moment_id": "m00003", "of": "grace", **opened(3)})

        assert org.export().total.updated == 1
        org.assert_nothing_twice_nothing_lost()

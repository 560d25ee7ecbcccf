"""What a moment is in Salesforce: its fields, what the settings take away or add, and what is refused."""

import json
from contextlib import closing

import pytest
from sqlalchemy import update

from blocks.contact_moment_settings import ContactMomentSettings
from crm_sync.database.tables.moments import contact_moment
from crm_sync.sobject import SObject
from tests.rigs.moments import SENT, MomentRig, opened
from tests.rigs.org import artifact

pytestmark = pytest.mark.flow

LEAD, CONTACT = SObject.LEAD, SObject.CONTACT


def test_every_field_arrives_as_it_was_recorded(org: MomentRig) -> None:
    expected = {
        "campaign": 'Spring, "née"\nline',
        "mailing": "M" * 300,
        "subject": "Hi @{name}",
        "delivered_at": SENT,
        **opened(3),
        "first_clicked_at": SENT,
        "last_clicked_at": SENT,
        "clicks": 4,
        "bounced_at": SENT,
        "bounce_category": "soft",
        "bounce_reason": "full",
        "unsubscribed_at": SENT,
        "online_version_url": "https://view.example/a",
    }
    org.record({"moment_id": "g1", "of": "grace", **expected})

    org.export()

    row = org.shown(CONTACT)["g1"]
    at = "2026-11-01T09:00:00.000Z"
    assert row["Mailing__c"] == "M" * 255
    assert (row["Campaign__c"], row["Subject__c"]) == (expected["campaign"], expected["subject"])
    assert (row["Opens__c"], row["Clicks__c"]) == (3, 4)
    assert row["LastOpenedAt__c"] == "2026-11-02T09:00:00.000Z"
    times = ("SentAt", "DeliveredAt", "FirstClickedAt", "LastClickedAt", "BouncedAt", "UnsubscribedAt")
    assert {row[f"{name}__c"] for name in times} == {at}
    assert (row["BounceCategory__c"], row["BounceReason__c"]) == ("soft", "full")
    assert row["OnlineVersion__c"] == "https://view.example/a"


def test_address_that_is_too_long_is_left_out_and_the_moment_goes(org: MomentRig) -> None:
    org.record({"moment_id": "g1", "of": "grace", "online_version_url": "https://view.example/" + "a" * 250})

    assert org.export().state == "Completed"
    assert org.shown(CONTACT)["g1"]["OnlineVersion__c"] is None


def test_further_opens_are_not_written_when_only_the_first_counts(org: MomentRig) -> None:
    settings = ContactMomentSettings(first_open_only=True)
    org.record({"moment_id": "g1", "of": "grace", **opened(1)})
    org.export(settings=settings)
    org.record({"moment_id": "g1", "of": "grace", **opened(7, days=9)})
    org.kinds()

    summary = org.export(settings=settings)

    assert (summary.total.unchanged, summary.total.updated, org.kinds()) == (1, 0, [])
    row = org.shown(CONTACT)["g1"]
    assert (row["FirstOpenedAt__c"], row["LastOpenedAt__c"]) == ("2026-11-01T10:00:00.000Z", None)
    assert org.export(settings=settings).total.unchanged == 0, "what was found unchanged is not looked at again"


def test_widened_settings_bring_moments_up_to_date_that_are_there_already(org: MomentRig) -> None:
    machine = {"first_machine_opened_at": SENT, "last_machine_opened_at": SENT, "machine_opens": 2}
    org.record({"moment_id": "g1", "of": "grace", **machine}, {"moment_id": "g2", "of": "grace"})
    org.export(settings=ContactMomentSettings(kinds=["sent"]))
    assert org.shown(CONTACT)["g1"]["Opens__c"] is None

    org.export()
    assert (org.shown(CONTACT)["g1"]["Opens__c"], org.shown(CONTACT)["g1"]["FirstOpenedAt__c"]) == (0, None)
    summary = org.export(settings=ContactMomentSettings(ignore_machine_opens=False))

    assert (summary.total.updated, summary.total.unchanged) == (1, 1)
    assert org.shown(CONTACT)["g1"]["Opens__c"] == 2
    assert org.shown(CONTACT)["g1"]["FirstOpenedAt__c"] == "2026-11-01T09:00:00.000Z"


def test_values_that_a_setting_or_a_correction_removes_are_cleared_in_salesforce(org: MomentRig) -> None:
    machine = {"first_machine_opened_at": SENT, "last_machine_opened_at": SENT, "machine_opens": 2}
    org.record({"moment_id": "g1", "of": "grace", "bounced_at": SENT, "bounce_reason": "full", **machine})
    org.export(settings=ContactMomentSettings(ignore_machine_opens=False))
    with closing(org.rig.customers.open()) as database, database.transaction() as connection:
        connection.execute(update(contact_moment).values(bounced_at=None, bounce_reason=None, version=2))

    assert org.export().total.updated == 1

    row = org.shown(CONTACT)["g1"]
    assert (row["FirstOpenedAt__c"], row["LastOpenedAt__c"], row["Opens__c"]) == (None, None, 0)
    assert (row["BouncedAt__c"], row["BounceReason__c"]) == (None, None)
    org.assert_nothing_twice_nothing_lost()
    org.export(settings=ContactMomentSettings(kinds=["sent", "bounced"]))
    assert org.shown(CONTACT)["g1"]["Opens__c"] is None


def test_refused_moment_does_not_stop_the_rest_and_is_left_alone_until_it_changes(org: MomentRig) -> None:
    org.record_many(6, "ada", "grace")
    planted = "ada.planted@person.example is not allowed"
    org.rig.org.refusals.add("m00003", times=9, code="INVALID_EMAIL_ADDRESS", message=planted)

    state = org.state()

    assert (state.name, state.is_completed()) == ("CompletedWithRefusals", True)
    assert "1 were refused (see moment_export)" in str(state.message)
    row = org.exports()["m00003"]
    assert (row["refusal"], row["error_code"], row["attempts"]) == ("data", "INVALID_EMAIL_ADDRESS", 1)
    assert row["error_message"] == planted
    errors, refused = artifact("contact-moment-export-errors"), artifact("contact-moment-export-refused")
    assert "INVALID_EMAIL_ADDRESS" in errors
    (person,) = org.rig.people("Contact")
    expected = {"object": "Contact", "code": "INVALID_EMAIL_ADDRESS", "moment": "m00003", "tries": 1}
    assert json.loads(refused) == [expected | {"lead or contact": person["Id"]}]
    assert "planted" not in errors + refused + artifact("contact-moment-export-summary")
    assert len(org.shown(LEAD) | org.shown(CONTACT)) == 5
    org.kinds()
    org.export()
    assert org.kinds() == [], "the same values would be refused again"

    org.rig.org.refusals.clear()
    org.record({"moment_id": "m00003", "of": "grace", **opened(1)})
    assert org.export().total.added == 1
    org.assert_nothing_twice_nothing_lost()


def test_key_made_of_an_address_is_on_no_page(org: MomentRig) -> None:
    org.record({"moment_id": "spring-ada@planted.example", "of": "grace"})
    org.rig.org.refusals.add("spring-ada@planted.example", code="STRING_TOO_LONG", message="too long")

    org.export()

    assert "planted" not in artifact("contact-moment-export-refused") + artifact("contact-moment-export-errors")


def test_refused_moments_are_written_again_when_somebody_asks(org: MomentRig) -> None:
    org.record({"moment_id": "g1", "of": "grace"})
    org.rig.org.refusals.add("g1", code="INSUFFICIENT_ACCESS", message="insufficient access rights")
    assert org.export().refused == 1

    assert org.export(refused_again=True).total.added == 1

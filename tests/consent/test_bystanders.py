"""Records outside of the mapping's condition take no part, but a no that one of them says counts."""

import pytest

from blocks.data_mapping import DataMapping
from crm_sync.database.tables.customers import salesforce_record
from tests.consent.test_flows import Consents, consents  # noqa: F401  # a fixture

pytestmark = pytest.mark.flow


def only_where(consents: Consents, condition: str) -> None:  # noqa: F811
    """Let only contacts take part that meet a condition."""
    rules = consents.rig.mapping.rules()
    contact = rules.contact.model_copy(update={"condition": condition})
    consents.rig.mapping = DataMapping.of(rules.model_copy(update={"contact": contact}))


def test_record_outside_of_the_condition_is_read_for_its_no(consents: Consents) -> None:  # noqa: F811
    first, second = consents.contacts(2)
    only_where(consents, "Title != 'Outside'")
    consents.rig.sync()
    consents.edit(first["Id"], Title="Outside")
    consents.rig.pull()
    consents.edit(first["Id"], HasOptedOutOfEmail=True)
    consents.edit(second["Id"], Title="Outside", HasOptedOutOfEmail=True)
    consents.rig.org.journal.clear()
    consents.rig.pull()
    assert len(consents.rig.org.requests) == 1, "both queries of both objects in one request"
    assert [consents.customer_of(one["Email"])["opt_in"] for one in (first, second)] == [False, False]
    assert consents.customer_of(second["Email"])["job_title"] != "Outside"


def test_full_sync_reads_bystanders_too(consents: Consents) -> None:  # noqa: F811
    first = consents.contacts()[0]
    only_where(consents, "Title != 'Outside'")
    consents.edit(first["Id"], Title="Outside", HasOptedOutOfEmail=True)
    stranger = consents.rig.org.records.insert(
        "Contact", {"LastName": "A", "Email": "b@planted.example", "Title": "Outside", "HasOptedOutOfEmail": True}
    )
    consents.rig.sync()
    assert consents.customer_of(first["Email"])["opt_in"] is False
    known = next(row for row in consents.rig.rows(salesforce_record) if row["id"] == stranger)
    assert (known["unique_key"], known["field_values"], known["says_no_email"]) == (None, {}, True)
    consents.rig.clock.move(minutes=30)
    consents.rig.pull()
    consents.edit(stranger, Title="Inside", HasOptedOutOfEmail=False)
    consents.rig.pull()
    assert not consents.holds_no(stranger)
    assert consents.customer_of("b@planted.example")["opt_in"] is True

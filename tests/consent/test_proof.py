"""The proof of one person's consent, and the page of everybody's: who said what when, and where it is under way."""

from datetime import timedelta

import pytest

from crm_sync.consent.overview_store import find_consent_alerts, read_overview
from crm_sync.consent.proof_store import ConsentChain, read_chain
from crm_sync.database.tables.customers import customer
from flows.consent_proof import consent_proof
from tests.consent.conftest import People
from tests.consent.test_flows import Consents, consents  # noqa: F401  # a fixture
from tests.rigs.org import artifact


def chain_of(consents: Consents, who: str) -> ConsentChain:  # noqa: F811
    with consents.database.transaction() as connection:
        return read_chain(connection, consents.database.hashes, who)


@pytest.mark.flow
def test_chain_is_found_by_address_and_by_record(consents: Consents) -> None:  # noqa: F811
    rig = consents.rig
    joined_to = {row["merged_into_customer_id"] for row in rig.rows(customer)}
    some = consents.contacts(20)
    contact = next(one for one in some if consents.customer_of(one["Email"])["id"] not in joined_to)
    address, record = contact["Email"], contact["Id"]
    consents.says_no_here(address)
    rig.pull()

    for who in (address, f" {address.upper()}", record, record[:15]):
        assert consent_proof(who, rig.customers) == "This person may not be mailed: said no."
        page = artifact("consent-proof")
        assert all(word in page for word in (record, "edited, person", "no to email"))
        assert address.lower() not in page.lower()
    chain = chain_of(consents, address)
    (said,) = chain.events.to_dict("records")
    assert (said["said"], said["side"], said["kind"], said["cause"]) == ("no", "here", "person", "edited")
    assert said["not_before"] < said["not_after"] <= said["seen_at"], "said between two looks"
    (delivery,) = chain.deliveries.to_dict("records")
    assert (delivery["record_id"], delivery["said"]) == (record, "no")
    assert delivery["delivered_at"] >= said["seen_at"]
    nobody = "Nothing is known of this person: no customer, and nothing was ever said."
    assert consent_proof("nobody@planted.example", rig.customers) == nobody
    assert consent_proof("003000000000000AAA", rig.customers) == nobody


def test_alert_goes_out_for_a_no_that_is_under_way_for_an_hour(people: People) -> None:
    ada = people.add("ada@planted.example", "003000000000001AAA")
    people.cycle()
    people.set(ada, opt_in=False)
    people.cycle()
    for minutes, alerts in ((59, []), (61, ["consent.under-way"])):
        now = people.now + timedelta(minutes=minutes)
        with people.database.transaction() as connection:
            assert list(find_consent_alerts(read_overview(connection, now), now)) == alerts


def test_proof_has_the_noes_of_who_was_joined_to_the_person(people: People) -> None:
    ada, bob = (
        people.add("ada@planted.example", "003000000000001AAA"),
        people.add("bob@planted.example", "003000000000002AAA"),
    )
    people.set(ada, merged_into_customer_id=bob, opt_in=False)
    people.cycle()
    with people.database.transaction() as connection:
        chain = read_chain(connection, people.database.hashes, "bob@planted.example")
    assert people.opt_in(bob) is False
    assert list(chain.standing["cause"]) == ["edited"]
    assert dict(zip(chain.customers["customer_id"], chain.customers["is_own"], strict=True)) == {ada: False, bob: True}

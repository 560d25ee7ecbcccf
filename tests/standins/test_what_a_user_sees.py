"""Records out of sight, places on the map, state and country picklists, and an org that has moved."""

from dataclasses import replace
from typing import Any

import pytest

from standins.salesforce.errors import RecordError
from standins.salesforce.org.org import Org
from standins.salesforce.schema.common_fields import geolocation
from tests.standins.conftest import Client
from tests.standins.test_collections import SOBJECTS, codes, contact, results, row

_ALL = "SELECT Id FROM Contact"


def test_hidden_record_is_in_no_answer_and_cannot_be_written(client: Client, org: Org) -> None:
    seen, hidden = contact(org), contact(org)
    org.hide_records("Contact", hidden)
    for resource in ("query", "queryAll"):
        assert [one["Id"] for one in client.query(_ALL, resource).json()["records"]] == [seen]
    job = client.finished_bulk(_ALL, "queryAll")
    assert hidden not in client.get(f"/jobs/query/{job}/results").text
    written = results(client, "PATCH", SOBJECTS, row("Contact", Id=hidden, Title="Poet"))
    assert codes(written) == ["INSUFFICIENT_ACCESS_OR_READONLY"]

    org.hide_records("Contact")
    assert client.query(_ALL).json()["totalSize"] == 2


def test_place_on_the_map_is_given_whole_by_rest_and_in_parts_by_bulk(client: Client, org: Org) -> None:
    org.add_object(replace(org.schema["Contact"], fields=(*org.schema["Contact"].fields, *geolocation("Loc", "Place"))))
    contact(org, Loc__Latitude__s=52.09, Loc__Longitude__s=5.12)
    contact(org)
    places = [one["Loc__c"] for one in client.query("SELECT Loc__c FROM Contact").json()["records"]]
    assert places == [{"latitude": 52.09, "longitude": 5.12}, None]
    assert client.bulk("SELECT Loc__c FROM Contact").json()[0]["errorCode"] == "API_ERROR"
    job = client.finished_bulk("SELECT Loc__Latitude__s FROM Contact")
    assert client.get(f"/jobs/query/{job}/results").text == '"Loc__Latitude__s"\n"52.09"\n""\n'
    described = {one["name"]: one for one in client.get("/sobjects/Contact/describe").json()["fields"]}
    assert described["Loc__c"]["type"] == "location"
    assert {described[f"Loc__{part}__s"]["compoundFieldName"] for part in ("Latitude", "Longitude")} == {"Loc__c"}


_TEXAS = {
    "MailingState": "Texas",
    "MailingStateCode": "TX",
    "MailingCountry": "United States",
    "MailingCountryCode": "US",
}
_NOWHERE = dict.fromkeys(_TEXAS)


@pytest.mark.parametrize(
    ("written", "outcome"),
    [
        ({"MailingStateCode": "CA"}, {"MailingState": "California", "MailingStateCode": "CA"}),
        ({"MailingState": "new york"}, {"MailingState": "New York", "MailingStateCode": "NY"}),
        ({"MailingCountryCode": None}, _NOWHERE),
        (
            {"MailingCountry": "Netherlands", "MailingState": None},
            {"MailingCountryCode": "NL", "MailingStateCode": None},
        ),
        ({"MailingCity": "Austin"}, {"MailingState": "Texas"}),
        ({"MailingCountry": "Netherlands"}, "The existing country/territory doesn't recognize the state"),
        ({"MailingCountry": "NL"}, "a problem with this country, even though it may appear correct"),
        ({"MailingState": "Utrecht"}, "a problem with this state, even though it may appear correct"),
        ({"MailingState": "Texas", "MailingStateCode": "CA"}, "do not match"),
        ({"MailingState": "Texas", "MailingCountry": None}, "must be specified before"),
    ],
)
def test_state_and_country_say_the_same_as_their_codes(org: Org, written: dict[str, Any], outcome: Any) -> None:
    org.use_address_picklists()
    found = contact(org, MailingState="Texas", MailingCountry="United States")
    assert _TEXAS.items() <= org.records.get("Contact", found).items()
    if isinstance(outcome, str):
        with pytest.raises(RecordError, match=outcome) as refused:
            org.records.update("Contact", found, written)
        assert refused.value.code == "FIELD_INTEGRITY_EXCEPTION"
    else:
        org.records.update("Contact", found, written)
        assert outcome.items() <= org.records.get("Contact", found).items()


def test_code_of_a_new_record_goes_before_its_text(org: Org) -> None:
    org.use_address_picklists()
    found = contact(org, MailingCountry="Holland", MailingCountryCode="NL")
    assert org.records.get("Contact", found)["MailingCountry"] == "Netherlands"


def test_session_of_before_the_move_is_answered_as_at_a_foreign_address(client: Client, org: Org) -> None:
    org.logins.move_instance()
    assert client.query(_ALL).status_code == 400
    assert client.query(_ALL).json()[0]["errorCode"] == "URL_NOT_RESET"
    settings = org.settings
    anew = org.logins.with_password(settings.username, settings.password + settings.security_token)
    client.http.headers["Authorization"] = f"Bearer {anew}"
    assert client.query(_ALL).status_code == 200

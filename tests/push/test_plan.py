"""The states of a push, from frame to frame."""

import pandas as pd

from crm_sync.mapping.model import FieldLink
from crm_sync.push.plan import (
    OPEN,
    OUTPUTS,
    State,
    apply_results,
    compare,
    confirmed_values,
    make_plan,
    mark_limited,
    mark_unknown,
    to_write,
)
from crm_sync.push.settings import PushSettings
from crm_sync.salesforce.schema.describe import FieldDescription
from crm_sync.sobject import SObject

TITLE = FieldLink(salesforce_field="Title", name="job_title")
CITY = FieldLink(salesforce_field="MailingCity", name="city")
LINKS = [TITLE, CITY]
TYPES = dict.fromkeys(("Title", "MailingCity"), "string")
FIELDS = {name: FieldDescription(name, name, kind) for name, kind in TYPES.items()}
SETTINGS = PushSettings(sobject=SObject.CONTACT, fields=list(TYPES))


def plan(*titles: str) -> pd.DataFrame:
    """Return the plan of customers in Delft whose records have the title `old` and the same city."""
    ids = [f"003{number:015d}" for number in range(len(titles))]
    columns = {"record_id": ids, "own_id": ids, TITLE.column: titles, CITY.column: "Delft"}
    people = pd.DataFrame(columns, dtype="str").assign(is_joined=False)
    records = pd.DataFrame({"Title": "old", "MailingCity": "Delft"}, index=ids, dtype="str")
    return compare(make_plan(people, records, list(TYPES)), LINKS, FIELDS, SETTINGS)


def answers(*rows: tuple[int, bool, str | None]) -> pd.DataFrame:
    """Return results: index, success and refusal."""
    frame = pd.DataFrame(rows, columns=["row", "success", "refusal"]).set_index("row")
    return frame.assign(error_code=frame["refusal"].str.upper(), error_message=None)


def states(found: pd.DataFrame) -> list[str]:
    return found["state"].tolist()


def test_every_state_is_open_or_has_an_output_or_is_unknown() -> None:
    assert {*OPEN, *OUTPUTS, State.UNKNOWN_OUTCOME} == set(State)


def test_members_are_compared_with_what_salesforce_is_known_to_have() -> None:
    found = plan("new", "old", "new")
    assert states(found) == ["to send", "same", "to send"]
    writes = to_write(found, SObject.CONTACT, TYPES)
    assert writes.records.drop(columns="Id").to_dict("index") == {0: {"Title": "new"}, 2: {"Title": "new"}}


def test_newer_values_in_salesforce_leave_nothing_to_send() -> None:
    found = plan("new", "new")
    theirs = pd.DataFrame({"Title": ["theirs"], "MailingCity": ["Delft"]}, found["record_id"].head(1), dtype="str")
    assert states(compare(found, LINKS, FIELDS, SETTINGS, theirs)) == ["conflicting", "to send"]


def test_answers_become_states() -> None:
    found = plan("new", "new", "new", "new")
    found = apply_results(found, answers((0, True, None), (1, False, "data"), (2, False, "limit")))
    assert states(found) == ["sent", "refused", "limited", "to send"]
    assert found.loc[1, "code"] == "DATA"
    assert confirmed_values(found)["field_values"].tolist() == ['{"Title":"new"}']
    assert states(mark_limited(found)) == ["sent", "refused", "limited", "limited"]
    assert states(mark_unknown(found, pd.Index([3])))[3] == "unknown outcome"


def test_record_goes_on_without_the_fields_that_its_refusal_names() -> None:
    found = plan("new", "new")
    found = found.assign(**{"send MailingCity": pd.Series(["Gent", None], dtype="str")})
    refused = answers((0, False, "data"), (1, False, "data")).assign(error_fields=",title,")
    found = apply_results(found, refused, can_go_on=True)
    assert states(found) == ["to send", "refused"]
    assert to_write(found, SObject.CONTACT, TYPES).records.drop(columns="Id").to_dict("index") == {
        0: {"MailingCity": "Gent"}
    }
    found = apply_results(found, answers((0, True, None)), can_go_on=True)
    assert (states(found), found.loc[0, "code"], found["left Title"].tolist()) == (
        ["partly sent", "refused"],
        "DATA",
        [True, False],
    )


def test_part_of_a_whole_takes_the_others_along() -> None:
    found = plan("new")
    found = found.assign(**{"send MailingCity": pd.Series(["Gent"], dtype="str")})
    refused = answers((0, False, "data")).assign(error_fields=",title,")
    assert states(apply_results(found, refused, [["Title", "MailingCity"]], can_go_on=True)) == ["refused"]


def test_refusal_that_contradicts_what_is_known_is_compared_anew_and_a_gone_record_is_followed() -> None:
    results = answers((0, False, "permission"), (1, False, "target_deleted"), (2, False, "data"))
    results["error_code"] = ["INVALID_FIELD", "ENTITY_IS_DELETED", "STRING_TOO_LONG"]
    found = apply_results(plan("new", "new", "new"), results, can_go_on=True, can_describe=True)
    assert states(found) == ["queued", "gone", "refused"]

"""The states of a push, from frame to frame."""

from typing import Any

import pandas as pd

from crm_sync.mapping.model import FieldLink
from crm_sync.push.changes import column_of
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
    withdrawals,
)
from crm_sync.push.settings import PushSettings
from crm_sync.salesforce.schema.describe import FieldDescription
from crm_sync.sobject import SObject

TITLE = FieldLink(salesforce_field="Title", name="job_title")
OPTED_OUT = FieldLink(salesforce_field="HasOptedOutOfEmail", name="opt_in", opposite=True)
LINKS = [TITLE, OPTED_OUT]
TYPES = {"Title": "string", "HasOptedOutOfEmail": "boolean"}
FIELDS = {name: FieldDescription(name, name, kind) for name, kind in TYPES.items()}
SETTINGS = PushSettings(sobject=SObject.CONTACT, fields=list(TYPES))


def plan(titles: list[str], opt_ins: list[str]) -> pd.DataFrame:
    """Return the plan of customers whose records have the title `old` and no opt-out."""
    ids = [f"003{number:015d}" for number in range(len(titles))]
    people = pd.DataFrame({"record_id": ids, "own_id": ids, column_of(TITLE): titles, column_of(OPTED_OUT): opt_ins})
    records = pd.DataFrame({"Title": "old", "HasOptedOutOfEmail": "false"}, index=ids, dtype="str")
    made = make_plan(people.astype("str").assign(is_joined=False), records, list(TYPES))
    return compare(made, LINKS, FIELDS, SETTINGS)


def answers(*rows: tuple[int, bool, str | None]) -> pd.DataFrame:
    """Return results: index, success and refusal."""
    frame = pd.DataFrame(rows, columns=["row", "success", "refusal"]).set_index("row")
    return frame.assign(error_code=frame["refusal"].str.upper(), error_message=None)


def states(found: pd.DataFrame) -> list[str]:
    return found["state"].tolist()


def test_every_state_is_open_or_has_an_output_or_is_unknown() -> None:
    assert {*OPEN, *OUTPUTS, State.UNKNOWN_OUTCOME} == set(State)


def test_members_are_compared_with_what_salesforce_is_known_to_have() -> None:
    found = plan(["new", "old", "new"], ["true", "true", "false"])
    assert states(found) == ["to send", "same", "to send"]
    urgent, others = (to_write(found, SObject.CONTACT, TYPES, opts_out=one) for one in (True, False))
    assert [list(one.records.index) for one in urgent + others] == [[2], [0]]


def test_newer_values_in_salesforce_leave_nothing_to_send() -> None:
    found = plan(["new", "new"], ["true", "true"])
    theirs = pd.DataFrame(
        {"Title": ["theirs"], "HasOptedOutOfEmail": ["false"]}, found["record_id"].head(1), dtype="str"
    )
    assert states(compare(found, LINKS, FIELDS, SETTINGS, theirs)) == ["conflicting", "to send"]


def test_answers_become_states() -> None:
    found = plan(["new"] * 4, ["true"] * 4)
    results = answers((0, True, None), (1, False, "data"), (2, False, "limit"))
    found = apply_results(found, results, ["Title"])
    assert states(found) == ["sent", "refused", "limited", "to send"]
    assert found.loc[1, "code"] == "DATA"
    assert confirmed_values(found)["field_values"].tolist() == ['{"Title":"new"}']
    assert states(mark_limited(found)) == ["sent", "refused", "limited", "limited"]
    assert states(mark_unknown(found, pd.Index([3])))[3] == "unknown outcome"


def test_withdrawals_alone_leave_their_members_open_for_all_else() -> None:
    found = plan(["new", "new", "old"], ["false", "true", "false"])
    (writes,) = withdrawals(found, SObject.CONTACT, TYPES, LINKS)
    assert writes.records.drop(columns="Id").to_dict("index") == {
        0: {"HasOptedOutOfEmail": "true"},
        2: {"HasOptedOutOfEmail": "true"},
    }

    found = apply_results(found, answers((0, True, None), (2, True, None)), ["HasOptedOutOfEmail"])

    assert states(found) == ["to send", "to send", "sent"]
    again: Any = compare(found[found["state"].isin(OPEN)], LINKS, FIELDS, SETTINGS)
    assert again["send HasOptedOutOfEmail"].isna().all(), "what was withdrawn is not sent twice"
    assert again["confirmed HasOptedOutOfEmail"].tolist()[0] == "true"

"""The mapping in reverse: a customer's values as Salesforce takes them."""

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_sync.mapping.model import CustomerFieldKind, FieldLink
from crm_sync.push.values import comparable, comparable_known, to_salesforce
from crm_sync.salesforce.schema.describe import FieldDescription
from crm_sync.salesforce.write.records import CLEAR

OPTION = FieldLink(salesforce_field="X__c", kind=CustomerFieldKind.OPTION, name="x")
OPT_IN = FieldLink(salesforce_field="X__c", name="opt_in")
OPPOSITE = FieldLink(salesforce_field="HasOptedOutOfEmail", name="opt_in", opposite=True)
BIRTHDAY = FieldLink(salesforce_field="X__c", name="birthday")


def field(kind: str = "string", **parts: Any) -> FieldDescription:
    """Make a described field."""
    return FieldDescription("X__c", "X", kind, **parts)


def listed(kind: str, *values: str) -> FieldDescription:
    """Return a restricted pick list."""
    return field(kind, picklist_values=values)


def one(value: str | None, link: FieldLink, described: FieldDescription) -> str | None:
    """Convert one value; return what is sent, None when it does not convert."""
    content, misfit = to_salesforce(pd.Series([value], dtype="str"), link, described)
    return None if misfit.iloc[0] else str(content.iloc[0])


@pytest.mark.parametrize(
    ("value", "link", "described", "sent"),
    [
        ("true", OPT_IN, field("boolean"), "true"),
        ("false", OPT_IN, field("boolean"), "false"),
        ("true", OPPOSITE, field("boolean"), "false"),
        ("false", OPPOSITE, field("boolean"), "true"),
        ("true", OPT_IN, listed("picklist", "Y", "N"), "Y"),
        ("false", OPT_IN, listed("picklist", "Y", "N"), "N"),
        ("true", OPT_IN, listed("picklist", "True", "False"), "True"),
        ("false", OPT_IN, field("string"), "N"),
        ("false", OPT_IN, listed("picklist", "YES", "Maybe"), "No"),
        ("false", OPT_IN, listed("string", "1"), "0"),
        ("Y", OPTION, field("boolean"), "true"),
        (None, OPTION, field("boolean"), "false"),
        ("1984-02-29", BIRTHDAY, field("date"), "1984-02-29"),
        ("2026-03-29 01:30:00", OPTION, field("datetime"), "2026-03-29T01:30:00.000Z"),
        ("2026-03-29T01:30:00+02:00", OPTION, field("datetime"), "2026-03-28T23:30:00.000Z"),
        ("09:05", OPTION, field("time"), "09:05:00.000Z"),
        ("23:59:58.5", OPTION, field("time"), "23:59:58.500Z"),
        ("2026-03-29", OPTION, field("datetime"), "2026-03-29T00:00:00.000Z"),
        ("12.50", OPTION, field("double"), "12.5"),
        ("007", OPTION, field("int"), "7"),
        ("1e3", OPTION, field("double"), "1000"),
        ("1.20E-5", OPTION, field("double"), "0.000012"),
        ("12345678901234567.89E2", OPTION, field("double"), "1234567890123456789"),
        ("12345678901234567.89", OPTION, field("double"), "12345678901234567.89"),
        (
            "Books;Art",
            OPTION,
            listed("multipicklist", "Art", "Books"),
            "Books;Art",
        ),
        (None, OPTION, field(), CLEAR),
        ("", OPTION, field(), CLEAR),
        (None, OPTION, field("double"), CLEAR),
        ("#1 fan", OPTION, field(), "#1 fan"),
        (" Head of  sales\n", OPTION, field(), "Head of  sales"),
        ("   ", OPTION, field(), CLEAR),
    ],
)
def test_value_is_sent_in_the_form_of_its_field(
    value: str | None, link: FieldLink, described: FieldDescription, sent: str
) -> None:
    assert one(value, link, described) == sent


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("ten", "double"),
        ("1.5", "int"),
        ("2026-02-30", "date"),
        ("25:00", "time"),
        ("soon", "datetime"),
        ("perhaps", "boolean"),
        ("anything", ""),
    ],
)
def test_value_that_does_not_convert_is_not_sent(value: str, kind: str) -> None:
    assert one(value, OPTION, field(kind)) is None


@pytest.mark.parametrize(
    ("here", "there", "link", "kind"),
    [
        ("true", "Y", OPT_IN, "picklist"),
        ("true", "true", OPT_IN, "boolean"),
        ("true", "false", OPPOSITE, "boolean"),
        ("false", None, OPT_IN, "picklist"),
        ("12.50", "12.5", OPTION, "double"),
        ("0.5", ".50", OPTION, "double"),
        ("09:05", "09:05:00.000Z", OPTION, "time"),
        ("0.000010", "1.0E-5", OPTION, "double"),
        ("12000000000000000", "1.2E16", OPTION, "double"),
        ("Books;Art", "Art;Books", OPTION, "multipicklist"),
        ("Books; Art;Art;", "Art;Books", OPTION, "multipicklist"),
        ("2026-01-01T10:00:00+01:00", "2026-01-01T09:00:00.000Z", OPTION, "datetime"),
        ("", None, OPTION, "string"),
        ("1984-02-29", "1984-02-29", BIRTHDAY, "date"),
    ],
)
def test_same_value_in_another_form_is_no_change(here: str, there: str | None, link: FieldLink, kind: str) -> None:
    ours = comparable(pd.Series([here], dtype="str"), link, kind)
    theirs, bad = comparable_known(pd.Series([there], dtype="str"), link, kind)
    if kind == "double" and there == ".50":
        # No JSON number, so nothing that a pull could have brought; only ours is spelt alike.
        theirs, bad = comparable(pd.Series([there], dtype="str"), link, kind), bad & False
    assert ours.fillna("").tolist() == theirs.fillna("").tolist()
    assert not bad.any()


_VALUES = {
    "string": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1),
    "double": st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
    "boolean": st.sampled_from(["true", "false"]),
    "datetime": st.datetimes(min_value=pd.Timestamp("1700-01-01"), max_value=pd.Timestamp("2262-01-01")).map(
        lambda at: at.replace(microsecond=0).isoformat()
    ),
    "multipicklist": st.lists(st.sampled_from(["Art", "Books", "Music"]), min_size=1, unique=True).map(";".join),
}


@pytest.mark.parametrize("kind", list(_VALUES))
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_what_is_sent_comes_back_as_no_change(kind: str, data: st.DataObject) -> None:
    """The echo: the next pull reads what was sent, and finds the customer to be so already."""
    values = pd.Series(data.draw(st.lists(_VALUES[kind], min_size=1, max_size=5)), dtype="str")
    content, misfit = to_salesforce(values, OPTION, field(kind))

    # Blanks alone are nothing, and clear the field.
    back, bad = comparable_known(content.mask(content == CLEAR), OPTION, kind)

    assert not (misfit | bad).any()
    assert back.fillna("").tolist() == comparable(values, OPTION, kind).fillna("").tolist()

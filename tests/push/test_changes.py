"""What a push sends: three sides are compared, the customer, what a pull brought, what Salesforce has now."""

from typing import Any

import pandas as pd
import pytest

from crm_sync.mapping.model import CustomerFieldKind, FieldLink
from crm_sync.push.changes import Changes, as_field_values, find_changes
from crm_sync.push.settings import PushSettings
from crm_sync.salesforce.schema.describe import FieldDescription
from crm_sync.salesforce.write.records import CLEAR
from crm_sync.sobject import SObject

TITLE = FieldLink(salesforce_field="Title", name="job_title")
SCORE = FieldLink(salesforce_field="Score__c", kind=CustomerFieldKind.OPTION, name="score")
FIELDS = {
    "Title": FieldDescription("Title", "Title", "string"),
    "Score__c": FieldDescription("Score__c", "Score", "double"),
}


def changes(
    here: str | None, before: str | None, there: str | None = "not asked", *, link: FieldLink = TITLE, **settings: Any
) -> Changes:
    """Compare one value of one customer."""
    people = pd.DataFrame({link.column: pd.Series([here], dtype="str")})
    known = pd.DataFrame({link.salesforce_field: pd.Series([before], dtype="str")})
    current_values = None
    if there != "not asked":
        current_values = pd.DataFrame({link.salesforce_field: pd.Series([there], dtype="str")})
    rules = PushSettings(sobject=SObject.CONTACT, fields=[link.salesforce_field], **settings)
    return find_changes(people, known, [link], FIELDS, rules, current_values=current_values)


def sent(found: Changes) -> str | None:
    """Return what is sent, None when nothing is."""
    texts = found.values.iloc[0].dropna()  # noqa: PD011  # a frame of ours, by that name
    return str(texts.iloc[0]) if len(texts) else None


@pytest.mark.parametrize(
    ("here", "before", "there", "expected", "conflict"),
    [
        ("new", "old", "not asked", "new", False),
        ("old", "old", "not asked", None, False),
        (None, "old", "not asked", CLEAR, False),
        ("new", None, "not asked", "new", False),
        ("new", "old", "old", "new", False),
        ("new", "old", "theirs", None, True),
        ("old", "old", "theirs", None, False),
        ("new", "old", "new", None, False),
        (None, "old", "theirs", None, True),
        ("new", "old", None, None, True),
    ],
)
def test_only_what_changed_here_and_not_there_is_sent(
    here: str | None, before: str | None, there: str | None, expected: str | None, conflict: bool
) -> None:
    found = changes(here, before, there)
    assert sent(found) == expected
    assert found.conflicts.iloc[0, 0] == conflict


def test_customer_wins_when_told_so() -> None:
    assert sent(changes("new", "old", "theirs", customer_wins=True)) == "new"


def test_always_send_sends_what_is_known_but_not_over_a_newer_value() -> None:
    assert sent(changes("old", "old", always_send=True)) == "old"
    found = changes("old", "old", "theirs", always_send=True)
    assert sent(found) is None
    assert not found.conflicts.iloc[0, 0]


def test_value_that_salesforce_has_already_is_confirmed() -> None:
    assert changes("new", "old", "new").confirmed_values.iloc[0, 0] == "new"


def test_value_that_a_pull_could_not_read_is_not_overwritten() -> None:
    assert sent(changes("1", "not a number", link=SCORE)) is None


def test_value_that_does_not_convert_is_left_out() -> None:
    found = changes("ten", "9", link=SCORE)
    assert found.code.tolist() == ["INVALID_TYPE_ON_FIELD_IN_RECORD"]
    assert not found.to_send.any()
    assert found.left_out["Score__c"].all()


def test_unchanged_value_is_not_judged() -> None:
    assert changes("9", "9.0", link=SCORE).code.isna().all()


def test_field_that_salesforce_hides_is_refused_when_it_has_something_to_say() -> None:
    hidden = FieldLink(salesforce_field="Hidden__c", kind=CustomerFieldKind.OPTION, name="hidden")
    assert changes("x", None, link=hidden).code.tolist() == ["INVALID_FIELD"]
    assert changes(None, None, link=hidden).code.isna().all()


def test_sent_values_become_json_of_only_what_was_sent() -> None:
    values = pd.DataFrame({"A": ["x", None], "B": [CLEAR, "2"]}, dtype="str")
    assert as_field_values(values).tolist() == ['{"A":"x","B":null}', '{"B":"2"}']


PLACE = [FieldLink(salesforce_field=f"Mailing{part}", name=name) for part, name in
         (("Street", "address"), ("City", "city"), ("PostalCode", "zip_code"))]  # fmt: skip


def of_place(*texts: str | None) -> dict[str, list[str | None]]:
    return {link.salesforce_field: [text] for link, text in zip(PLACE, texts, strict=True)}


@pytest.mark.parametrize(
    ("here", "there", "settings", "expected", "conflicts"),
    [
        # The street changed here, the town there: one of the two addresses, and no third one.
        (("Street 9", "Delft", "2600"), ("Street 1", "Gent", "9000"), {}, {}, {"MailingStreet"}),
        (("Street 9", "Delft", "2600"), ("Street 1", "Delft", "2600"), {}, {"MailingStreet": "Street 9"}, set()),
        (("Street 1", "Delft", "2600"), ("Street 1", "Gent", "9000"), {}, {}, set()),
        (("Street 9", "Gent", "9000"), ("Street 1", "Gent", "9000"), {}, {"MailingStreet": "Street 9"}, set()),
        (
            ("Street 9", "Delft", "2600"),
            None,
            {"customer_wins": True},
            {"MailingStreet": "Street 9", "MailingCity": "Delft", "MailingPostalCode": "2600"},
            set(),
        ),
    ],
)
def test_address_is_one_value(
    here: tuple[str, ...],
    there: tuple[str, ...] | None,
    settings: dict[str, Any],
    expected: dict[str, str],
    conflicts: set[str],
) -> None:
    people = pd.DataFrame({link.column: [text] for link, text in zip(PLACE, here, strict=True)}, dtype="str")
    known = pd.DataFrame(of_place("Street 1", "Delft", "2600"), dtype="str")
    current = pd.DataFrame(of_place(*there), dtype="str") if there else None
    rules = PushSettings(sobject=SObject.CONTACT, fields=list(known), **settings)
    fields = {str(name): FieldDescription(str(name), str(name), "string") for name in known}

    found = find_changes(people, known, PLACE, fields, rules, current_values=current)

    assert found.values.iloc[0].dropna().to_dict() == expected  # noqa: PD011  # a frame of ours, by that name
    assert {name for name, column in found.conflicts.items() if column[0]} == conflicts


def test_part_of_an_address_that_cannot_be_written_leaves_the_others_out() -> None:
    people = pd.DataFrame({link.column: ["new"] for link in PLACE}, dtype="str")
    known = pd.DataFrame(of_place("old", "old", "old"), dtype="str")
    fields = {str(name): FieldDescription(str(name), "", "string", updateable=name != "MailingCity") for name in known}

    found = find_changes(people, known, PLACE, fields, PushSettings(fields=list(known)))

    assert not found.to_send.any()
    assert found.code.tolist() == ["INVALID_FIELD_FOR_INSERT_UPDATE"]


MONEY = [FieldLink(salesforce_field=name, kind=CustomerFieldKind.OPTION, name=name) for name in
         ("Value__c", "CurrencyIsoCode")]  # fmt: skip


@pytest.mark.parametrize(
    ("here", "there", "expected", "conflicts"),
    [
        # 200 euros were meant here; in Salesforce the record counts dollars by now.
        (("200", "EUR"), ("100", "USD"), {}, {"Value__c"}),
        (("200", "EUR"), ("100", "EUR"), {"Value__c": "200"}, set()),
        (("200", "EUR"), None, {"Value__c": "200", "CurrencyIsoCode": "EUR"}, set()),
        (("100", "USD"), ("300", "EUR"), {}, {"CurrencyIsoCode"}),
        (("100", "EUR"), ("100", "USD"), {}, set()),
    ],
)
@pytest.mark.parametrize("is_writable", [True, False])
def test_amount_and_its_currency_are_one_value_where_the_currency_can_be_written(
    here: tuple[str, ...],
    there: tuple[str, ...] | None,
    expected: dict[str, str],
    conflicts: set[str],
    is_writable: bool,
) -> None:
    names = [link.salesforce_field for link in MONEY]
    people = pd.DataFrame({link.column: [text] for link, text in zip(MONEY, here, strict=True)}, dtype="str")
    known = pd.DataFrame([("100", "EUR")], columns=names, dtype="str")
    current = pd.DataFrame([there], columns=names, dtype="str") if there else None
    fields = {
        "Value__c": FieldDescription("Value__c", "", "currency"),
        "CurrencyIsoCode": FieldDescription("CurrencyIsoCode", "", "picklist", updateable=is_writable),
    }

    found = find_changes(people, known, MONEY, fields, PushSettings(fields=names), current_values=current)

    if not is_writable:
        assert "CurrencyIsoCode" not in found.values.iloc[0].dropna()  # noqa: PD011  # a frame of ours
        return
    assert found.values.iloc[0].dropna().to_dict() == expected  # noqa: PD011  # a frame of ours, by that name
    assert {name for name, column in found.conflicts.items() if column[0]} == conflicts

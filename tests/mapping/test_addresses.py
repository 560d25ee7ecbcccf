"""An e-mail address is one address, without what stands around it; anything else is a reject."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sync.columns.address_hash import AddressHash, normalise_address
from crm_sync.mapping.model import FieldLink
from crm_sync.mapping.transform import convert, normalised

FIELDS = ["email_address", "alternate_email_address"]


def address(value: str, name: str) -> str | None:
    column = convert(pd.Series([value], dtype="str"), FieldLink(salesforce_field="X__c", name=name), "string")
    assert column.bad is not None
    text = column.content.iloc[0]
    return "refused" if column.bad.iloc[0] else None if pd.isna(text) else str(text)


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize(
    "around", [" {} ", "\u00a0{}", "\t{}", "{}\r\n", "{}\u200b", "\ufeff{}", "\u3000{}\u2009"], ids=ascii
)
def test_what_stands_around_an_address_is_left_out_and_its_case_kept(around: str, name: str) -> None:
    assert address(around.format("Jan@x.nl"), name) == "Jan@x.nl"


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize(
    "text",
    ["n/a", "none", "-", "a@x.nl; b@x.nl", "a@x.nl,b@x.nl", "a@x.nl b@x.nl", "mailto:a@x.nl", "Jan <a@x.nl>",
     "<a@x.nl>", "a@", "@x.nl", "a@@x.nl", "a b@x.nl", "a@x\u200b.nl", "https://x.nl/@jan", "a@x.nl.", "a@.nl",
     "a@x..nl", "a@x.nl?subject=Hi", "a@x.nl/b", "a@x.nl|b", "a@x.nl&b", "a@x.nl'", "a@münchen.de.", "a@x,nl", "a@x_y"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str, name: str) -> None:
    assert address(text, name) == "refused"


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize(
    "text",
    ["o'neill@x.nl", "a+b@x.co.uk", "josé@x.nl", "straße@münchen.de", "a/b=c@x.nl", "用户@例子.中国", "a@localhost"],
)  # fmt: skip
def test_unusual_addresses_are_addresses(text: str, name: str) -> None:
    assert address(text, name) == text


def test_an_empty_address_is_none() -> None:
    assert address(" \u00a0 ", "alternate_email_address") is None


def key(text: str) -> str:
    return str(normalised(pd.Series([text], dtype="str")).iloc[0])


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("straße@x.nl", "strasse@x.nl", False),
        ("ﬁn@x.nl", "fin@x.nl", False),
        ("jos\u00e9@x.nl", "jose\u0301@x.nl", True),
        ("JOS\u00c9@x.nl", "jose\u0301@x.nl", True),
        ("\u0130@x.nl", "I\u0307@x.nl", True),
        ("\u0130@x.nl", "i\u0307@x.nl", True),
        ("ΝΙΚΟΣ@x.gr", "νικος@x.gr", True),
        ("ΝΙΚΟΣ@x.gr", "νικοσ@x.gr", True),
        ("ΣΑΣ.a@x.gr", "σας.a@x.gr", True),
    ],
)  # fmt: skip
def test_two_spellings_are_one_mailbox_or_two(one: str, other: str, *, is_same: bool) -> None:
    assert (key(one) == key(other)) is is_same
    assert (normalise_address(one) == normalise_address(other)) is is_same


@given(st.text(max_size=12).map("{}@x.nl".format))
def test_a_column_and_a_single_address_are_compared_alike(text: str) -> None:
    clean = text.encode("utf-8", "replace").decode()
    assert key(clean) == normalise_address(clean)
    assert key(key(clean)) == key(clean)


def test_half_of_a_character_is_compared_as_in_a_column() -> None:
    assert normalise_address("Jan\ud83d@x.nl") == key("jan\ufffd@x.nl")
    assert AddressHash(b"k" * 32).of(normalise_address("\udc00@x.nl"))


def test_every_letter_is_made_small_alike_in_a_column_and_alone() -> None:
    letters = [f"a{chr(code)}b@x.nl" for code in range(0x80, 0x1_0FFFF) if chr(code).lower() != chr(code)]
    assert normalised(pd.Series(letters, dtype="str")).tolist() == [normalise_address(one) for one in letters]


_HASH = AddressHash(b"k" * 32)


def _wide(text: str) -> str:
    """Return plain characters as East Asian keyboards have them beside the own ones."""
    return "".join(chr(ord(one) + 0xFEE0) for one in text)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("a@müller.de", "a@xn--mller-kva.de", True),
        ("a@Mu\u0308ller.de", "A@XN--MLLER-KVA.DE", True),
        ("a@mail.例子.中国", "a@mail.xn--fsqu00a.xn--fiqs8s", True),
        (_wide("ada@x.nl"), "ada@x.nl", True),
        ("ada@x。nl", "ada@x.nl", True),
        ("ada@x.nl.", "ada@x.nl", True),
        ("xn--mller-kva@x.nl", "müller@x.nl", False),
        ("a@xn--mller.de", "a@müller.de", False),
        ("straße@x.nl", "strasse@x.nl", False),
        ("a+b@x.nl", "a@x.nl", False),
        ("a@xn--é.nl", "a@é.nl", False),
        (f"key:{_wide('a')}", "key:a", False),
        (f"key:{_wide('a')}@x.nl", "key:a@x.nl", False),
    ],
)  # fmt: skip
def test_consent_has_one_number_for_all_spellings_of_a_mailbox(one: str, other: str, *, is_same: bool) -> None:
    numbers = _HASH.of_column(pd.Series([*map(normalise_address, (one, other)), None], dtype="str"))
    assert bool(numbers[0] == numbers[1]) is is_same
    assert pd.isna(numbers[2])
    assert numbers[:2].tolist() == [_HASH.of(normalise_address(one)), _HASH.of(normalise_address(other))]


@given(st.text(max_size=12).map("{}@x.nl".format) | st.text(max_size=12).map("a@{}".format))
def test_a_column_and_a_single_address_have_the_same_number(text: str) -> None:
    clean = normalise_address(text)
    assert _HASH.of_column(pd.Series([clean], dtype="str")).tolist() == [_HASH.of(clean)]

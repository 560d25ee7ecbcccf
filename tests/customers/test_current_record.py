"""Which record a push goes to."""

import pandas as pd
import pytest

from crm_sync.push_targets import READ_COLUMNS, find_targets
from crm_sync.sobject import SObject

LEAD, OTHER_LEAD = "00Q000000000001AAA", "00Q000000000002AAA"
CONTACT, MASTER = "003000000000001AAA", "003000000000002AAA"


def record(record_id: str, **changes: object) -> dict[str, object]:
    """Make a mirror row."""
    kind = "Lead" if record_id.startswith("00Q") else "Contact"
    row = dict(zip(READ_COLUMNS, (record_id, kind, False, False, None, None), strict=True))
    return row | changes


def targets(
    *own_ids: str | None,
    mirror: list[dict[str, object]],
    sobject: SObject = SObject.CONTACT,
    follow_converted: bool = True,
    joined: bool = False,
) -> pd.DataFrame:
    """Find the targets of customers with these own Ids; each later one was changed later."""
    people = pd.DataFrame(
        {
            "own_id": pd.Series(own_ids, dtype="str"),
            "is_joined": joined,
            "modified_at": pd.date_range("2026-01-01", periods=len(own_ids), tz="UTC"),
        }
    )
    held = pd.DataFrame(mirror, columns=list(READ_COLUMNS)).astype(
        dict.fromkeys(("id", "sobject", "converted_contact_id", "master_record_id"), "str")
    )
    return find_targets(
        people, lambda ids: held[held["id"].isin(ids)], sobject, follow_converted=follow_converted
    ).people


def test_record_of_its_own() -> None:
    found = targets(CONTACT, mirror=[record(CONTACT)])
    assert found["record_id"].tolist() == [CONTACT]
    assert found["code"].isna().all()


def test_converted_lead_leads_to_its_contact() -> None:
    mirror = [record(LEAD, is_converted=True, converted_contact_id=CONTACT), record(CONTACT)]
    found = targets(LEAD, mirror=mirror, sobject=SObject.LEAD)
    assert found[["record_id", "sobject"]].to_numpy().tolist() == [[CONTACT, "Contact"]]
    refused = targets(LEAD, mirror=mirror, sobject=SObject.LEAD, follow_converted=False)
    assert refused["code"].tolist() == ["CANNOT_UPDATE_CONVERTED_LEAD"]


def test_merge_loser_leads_to_its_master_over_a_conversion() -> None:
    mirror = [
        record(LEAD, is_converted=True, converted_contact_id=CONTACT),
        record(CONTACT, is_deleted=True, master_record_id=MASTER),
        record(MASTER),
    ]
    assert targets(LEAD, mirror=mirror, sobject=SObject.LEAD)["record_id"].tolist() == [MASTER]


def test_deleted_record_is_an_error() -> None:
    assert targets(CONTACT, mirror=[record(CONTACT, is_deleted=True)])["code"].tolist() == ["ENTITY_IS_DELETED"]


@pytest.mark.parametrize(
    ("copied", "whole"), [("003D000000QmkPd", "003D000000QmkPdIAJ"), ("00QaBcDeFGHIjkl", "00QaBcDeFGHIjklU0D")]
)
def test_id_of_15_characters_is_made_whole(copied: str, whole: str) -> None:
    sobject = SObject.LEAD if copied.startswith("00Q") else SObject.CONTACT
    found = targets(copied, None, whole[:-1] + "?", mirror=[record(whole)], sobject=sobject)
    assert found["record_id"].tolist()[0] == whole
    assert found["code"].tolist()[1:] == ["MISSING_ARGUMENT", "MALFORMED_ID"]
    assert pd.isna(found["code"].tolist()[0])


def test_customer_without_an_id_or_with_none_that_can_be() -> None:
    found = targets(None, "12", LEAD, mirror=[record(LEAD)])
    assert found["code"].tolist() == ["MISSING_ARGUMENT", "MALFORMED_ID", "MALFORMED_ID"]


def test_record_that_no_pull_brought_is_still_written() -> None:
    found = targets(CONTACT, mirror=[])
    assert found[["record_id", "sobject"]].to_numpy().tolist() == [[CONTACT, "Contact"]]
    assert found["code"].isna().all()


def test_joined_customer_writes_only_through_the_merge() -> None:
    assert targets(CONTACT, mirror=[record(CONTACT)], joined=True)["code"].tolist() == ["ENTITY_IS_DELETED"]
    mirror = [record(CONTACT, is_deleted=True, master_record_id=MASTER), record(MASTER)]
    assert targets(CONTACT, mirror=mirror, joined=True)["record_id"].tolist() == [MASTER]


def test_record_is_written_by_the_customer_whose_own_it_is() -> None:
    mirror = [record(CONTACT), record(MASTER, is_deleted=True, master_record_id=CONTACT)]
    found = targets(CONTACT, MASTER, mirror=mirror)
    assert found["code"].fillna("").tolist() == ["", "DUPLICATE_VALUE"]


def test_else_by_the_customer_that_was_changed_last() -> None:
    found = targets(CONTACT, CONTACT, mirror=[record(CONTACT)])
    assert found["code"].fillna("").tolist() == ["DUPLICATE_VALUE", ""]


def test_endless_chain_ends() -> None:
    mirror = [
        record(CONTACT, is_deleted=True, master_record_id=MASTER),
        record(MASTER, is_deleted=True, master_record_id=CONTACT),
    ]
    assert targets(CONTACT, mirror=mirror)["code"].tolist() == ["ENTITY_IS_DELETED"]

"""Names that people type: understood in any spelling that is clear, refused with a hint before anything happens."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crm_sync.database.tables.campaigns import campaign, campaign_member
from crm_sync.errors import ConfigurationError, NobodyWaitsError
from crm_sync.push.result import PushResult
from crm_sync.push.selection import FieldEquals, check_filled_in
from crm_sync.push.typed_names import find_field
from flows.campaign_push import campaign_push
from flows.retry_outputs import retry_outputs
from tests.rigs.org import artifact
from tests.rigs.pushes import CAMPAIGN, Pushes, start_pushes, synced_with_options

pytestmark = pytest.mark.flow


@pytest.fixture
def pushes(tmp_path: Path, database_url: str) -> Iterator[Pushes]:
    """Give a synced org."""
    with start_pushes(tmp_path, database_url, synced_with_options) as started:
        yield started


def _push(pushes: Pushes, name: str = CAMPAIGN, **given: Any) -> PushResult:
    pushes.rig.org.journal.clear()
    result: PushResult = campaign_push(name, settings=pushes.settings(), **pushes.rig.blocks(), **given)
    return result


def _refusal(pushes: Pushes, name: str = CAMPAIGN, **given: Any) -> str:
    """Push with a mistake, which makes no campaign, no member and no request, and return what is told."""
    before = pushes.rig.rows(campaign), pushes.rig.rows(campaign_member)
    with pytest.raises(ConfigurationError) as refused:
        _push(pushes, name, **given)
    assert (pushes.rig.rows(campaign), pushes.rig.rows(campaign_member)) == before
    assert pushes.rig.requests() == []
    return str(refused.value)


def test_field_is_known_in_deployteqs_spelling_and_in_any_case_and_never_guessed() -> None:
    spellings = {
        "job_title": "job_title",
        " Job_Title ": "job_title",
        "jobTitle": "job_title",
        "emailAddress": "email_address",
        "smsOptIn": "sms_opt_in",
        "alternateZipCode": "alternate_zip_code",
        "STATUS": "status",
        "segment": "Segment",
        "jobtitle": None,
        "tittle": None,
        "": None,
    }

    assert {typed: find_field(typed, ["Segment"]) for typed in spellings} == spellings


def test_misspelt_selection_enters_nobody(pushes: Pushes) -> None:
    pushes.change_options(pushes.people()[0]["id"], segment="gold")
    told = {
        ("jobtitle", ""): "There is no customer field 'jobtitle' to select by; did you mean job_title?",
        ("segmnet", "gold"): "did you mean segment?",
        ("intrests", "golf"): "did you mean interests?",
        ("xyzzy", ""): "There is no customer field 'xyzzy' to select by.",
        ("status", "Custmer"): "status never has the value that the selection asks for; did you mean Customer?",
        ("opt_in", "perhaps"): "opt_in cannot have; give Yes or No",
        ("birthday", "1 May"): "birthday cannot have; give a date as YYYY-MM-DD",
        ("city", "Nowhere"): "No customer meets the selection, so nobody has entered 'spring'.",
    }

    for (field, equals), sentence in told.items():
        assert sentence in _refusal(pushes, selection=[FieldEquals(field=field, equals=equals)]), field
    assert "No customer has a given id" in _refusal(pushes, customer_ids=[987_654])


def test_name_and_value_in_another_spelling_find_their_customers(pushes: Pushes) -> None:
    pushes.change_options(pushes.people()[0]["id"], segment="gold")
    first = pushes.people()[0]["id"]
    every = len([row for row in pushes.people() if row["status"] == "Customer"])

    one = _push(pushes, selection=[FieldEquals(field="Segment", equals="gold")], customer_ids=[first, 987_654])
    by_status = _push(pushes, selection=[FieldEquals(field="Status", equals="customer")], dry_run=True)

    assert one.continued == {pushes.people()[0]["id"]}
    assert "no customer has 1 of the given ids" in one.sentence()
    assert by_status.preview is not None
    assert by_status.preview.entering >= every


def test_form_takes_no_value_by_which_a_person_is_found() -> None:
    for field in ("emailAddress", "lastname", "mobile_phone"):
        with pytest.raises(ConfigurationError, match="is not taken from a form, because Prefect would keep the value"):
            check_filled_in([FieldEquals(field=field, equals="x")])
    with pytest.raises(ConfigurationError, match="Prefect would keep the value"):
        check_filled_in([FieldEquals(field="second mail", equals="ada@x.org")])
    check_filled_in([FieldEquals(field="city", equals="Gent"), FieldEquals(field="lastname")])


def test_misspelt_campaign_is_told_the_known_ones(pushes: Pushes) -> None:
    assert _refusal(pushes, "sprnig").endswith("nobody ever has; no campaign has had customers yet.")
    pushes.enter_changed(2)
    _push(pushes, "newsletter", customer_ids=[pushes.people()[3]["id"]])

    assert _refusal(pushes, "sprnig") == (
        "Nobody waits in 'sprnig', and nobody ever has; campaigns so far: newsletter, spring."
    )
    assert len(_push(pushes, " Spring ").success) == 2
    assert _push(pushes).continued == frozenset()
    state = campaign_push("sprnig", settings=pushes.settings(), **pushes.rig.blocks(), return_state=True)
    assert (state.name, state.is_failed()) == ("NobodyWaits", True)


def test_misspelt_retry_is_told_what_can_be_sent_again(pushes: Pushes) -> None:
    pushes.change([pushes.people()[0]["id"]], job_title="x" * 129)
    pushes.enter([pushes.people()[0]["id"]])
    run = pushes.push().run
    told = {
        ("sprnig", "limit", None): "Nobody waits in 'sprnig', and nobody ever has; campaigns so far: spring.",
        (CAMPAIGN, "limti", None): "by 'limti'; did you mean limit? To send again: limit, error, STRING_TOO_LONG.",
        (CAMPAIGN, "error", 99): f"Run 99 has sent nobody of 'spring'; runs so far: {run}.",
    }

    for (name, which, of_run), sentence in told.items():
        with pytest.raises(NobodyWaitsError) as refused:
            retry_outputs(name, which, of_run, settings=pushes.settings(), **pushes.rig.blocks())
        assert sentence in str(refused.value)
    assert pushes.retry(" Limit ").continued == frozenset()
    assert len(pushes.retry("string_too_long").error) == 1


def test_dry_run_shows_what_a_push_would_do_and_does_nothing(pushes: Pushes) -> None:
    waits, enters, same, *_ = (row["id"] for row in pushes.people())
    pushes.change([waits, enters], job_title="Navigator")
    pushes.change([enters], mobile_phone="+31 6 1")
    pushes.enter([waits])

    result = _push(pushes, customer_ids=[enters, same], dry_run=True)

    assert result.preview is not None
    assert (result.preview.entering, result.waiting) == (2, 1)
    assert (result.preview.to_write, result.preview.same, result.preview.refused) == (2, 1, 0)
    assert result.preview.fields == {"Title": 2, "MobilePhone": 1}
    assert set(result.preview.examples) == {pushes.customer(one)["salesforce_id"] for one in (waits, enters)}
    assert result.sentence().startswith("Dry run: 2 customers would enter, 2 records would be written")
    assert len(pushes.waiting()) == 1
    assert pushes.outputs() == []
    assert len(pushes.rig.requests()) == 1
    assert pushes.record(waits)["Title"] != "Navigator"
    page = artifact("campaign-push-dry-run")
    assert "| Title | 2 |" in page
    assert "Navigator" not in page


def test_dry_run_of_a_retry_sends_nobody_again(pushes: Pushes) -> None:
    customer_id = pushes.people()[0]["id"]
    pushes.change([customer_id], job_title="x" * 129)
    pushes.enter([customer_id])
    pushes.push()
    pushes.change([customer_id], job_title="Navigator")

    result = retry_outputs(CAMPAIGN, "error", dry_run=True, settings=pushes.settings(), **pushes.rig.blocks())

    assert result.preview is not None
    assert (result.preview.entering, result.preview.to_write, result.state) == (1, 1, "DryRun")
    assert pushes.waiting() == []
    assert len(pushes.outputs()) == 1

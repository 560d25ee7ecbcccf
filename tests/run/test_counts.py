"""Counts of batches add up to those of the run, and the summary says them in a sentence."""

from dataclasses import asdict, fields

from hypothesis import given
from hypothesis import strategies as st

from crm_sync.pull.summary import SyncSummary
from crm_sync.runs.counts import Counts
from crm_sync.sobject import SObject

COUNTS = st.builds(Counts, **{field.name: st.integers(0, 10**6) for field in fields(Counts)})


@given(COUNTS, COUNTS)
def test_counts_are_added_outcome_by_outcome(one: Counts, other: Counts) -> None:
    both = asdict(one + other)
    assert both == {name: asdict(one)[name] + asdict(other)[name] for name in both}
    assert one + Counts() == one


def test_written_are_the_inserted_and_the_updated() -> None:
    assert Counts(read=9, inserted=2, updated=3, unchanged=4).written == 5


def test_summary_adds_the_objects_up() -> None:
    counts = {SObject.LEAD: Counts(read=2, inserted=2), SObject.CONTACT: Counts(read=2, updated=1, rejected=1)}
    summary = SyncSummary(counts, requests_used=4, seconds=2.0)
    assert summary.total == Counts(read=4, inserted=2, updated=1, rejected=1)
    assert summary.records_per_second == 2.0
    assert summary.state == "CompletedWithRejects"
    assert "4 records read in 2.0 s with 4 requests; 2 customers added, 1 updated" in summary.sentence()
    assert "1 record could not be used" in summary.sentence()


def test_summary_of_a_run_that_changed_nothing() -> None:
    summary = SyncSummary({SObject.LEAD: Counts(read=1, unchanged=1)}, requests_used=1, seconds=0.0)
    assert (summary.state, summary.records_per_second) == ("Completed", 0.0)
    assert "no customer changed" in summary.sentence()


def test_summary_tells_of_one_and_of_deleted_records() -> None:
    summary = SyncSummary({SObject.LEAD: Counts(read=2, inserted=1, deleted=1)}, requests_used=1, seconds=1.0)
    assert "1 request; 1 customer added, 0 updated, 1 record deleted in Salesforce." in summary.sentence()


def test_summary_says_once_why_both_objects_are_due() -> None:
    summary = SyncSummary({}, 0, 0.0, full_sync_due=dict.fromkeys(SObject, "it was never read whole"))
    assert summary.sentence().count("it was never read whole") == 1
    assert "a full sync of Lead and Contact is due" in summary.sentence()


def test_summary_names_the_fields_that_salesforce_no_longer_shows() -> None:
    summary = SyncSummary({}, requests_used=1, seconds=1.0, missing_fields={SObject.LEAD: ["Score__c", "City"]})
    assert summary.state == "CompletedWithMissingFields"
    assert "Lead does not show Score__c, City" in summary.sentence()

"""Looking at what Salesforce has changed: every way of asking gives the same answer."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from prefect import flow

from crm_sync.push.conflict_check import Question
from crm_sync.salesforce.org import SalesforceOrg
from crm_sync.salesforce.read.composite import query_path
from crm_sync.sobject import SObject
from tasks.push.conflict_check import _ask_by_bulk, _ask_by_ids, _to_the_end, ask_pages
from tests.bench.floor import Uncounted
from tests.rigs.org import Rig

pytestmark = pytest.mark.flow

_TYPES = {"Title": "string", "Score__c": "double", "HasOptedOutOfEmail": "boolean", "Last_Visit__c": "datetime"}


@pytest.fixture
def org(rig: Rig) -> Iterator[SalesforceOrg]:
    """Give the way to an org with people."""
    opened = rig.salesforce.get_client(throttle=lambda: None, ledger=Uncounted(), clock=lambda: datetime.now(UTC))
    yield opened
    opened.close()


def test_every_way_of_asking_gives_the_same_answer(rig: Rig, org: SalesforceOrg) -> None:
    changed = [row["Id"] for row in rig.people("Contact") if not row["IsDeleted"]][:5]
    pulled_until = datetime.now(UTC) - timedelta(minutes=1)
    for record_id in changed:
        rig.org.records.update("Contact", record_id, {"Title": "Theirs", "Score__c": 2.5})
    question = Question(SObject.CONTACT, [row["Id"] for row in rig.people("Contact")], _TYPES, pulled_until)

    @flow
    def ask() -> list[pd.DataFrame]:
        pages = _to_the_end(org, ask_pages(org, [query_path(org, question.by_time())]))
        return [
            _ask_by_ids(org, [question])[SObject.CONTACT],
            question.read(pages),
            _ask_by_bulk(org, question, lambda _: None),
        ]

    by_ids, by_time, by_bulk = (frame.sort_index() for frame in ask())

    assert by_ids.index.tolist() == sorted(changed)
    fields = list(_TYPES)
    assert by_time[fields].fillna("").to_numpy().tolist() == by_ids[fields].fillna("").to_numpy().tolist()
    assert by_bulk[fields].fillna("").to_numpy().tolist() == by_ids[fields].fillna("").to_numpy().tolist()

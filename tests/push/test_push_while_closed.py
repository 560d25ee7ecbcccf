"""A push while Salesforce takes no requests."""

import pytest

from crm_sync.errors import LimitReachedError
from flows.campaign_push import campaign_push
from standins.salesforce.http.faults import Fault
from tests.rigs.breakers import let_the_pause_pass
from tests.rigs.org import Rig
from tests.rigs.pushes import CAMPAIGN, Pushes

pytestmark = pytest.mark.flow

_DAY_IS_OVER = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]


@pytest.mark.parametrize("members", [1, 20])
def test_everybody_leaves_by_limit_without_a_request(both_rigs: Rig, members: int) -> None:
    both_rigs.sync()
    pushes = Pushes(both_rigs)
    both_rigs.org.faults.add(Fault("status", path="/composite", status=403, body=_DAY_IS_OVER))
    with pytest.raises(LimitReachedError):
        both_rigs.pull()
    made = len(both_rigs.org.requests)
    ids = pushes.enter_changed(members)

    result = campaign_push(CAMPAIGN, **both_rigs.blocks(), settings=pushes.settings())

    assert (result.limit, result.success, result.error) == (set(ids), set(), set())
    assert len(both_rigs.org.requests) == made
    let_the_pause_pass(both_rigs)
    assert pushes.retry("limit").success == set(ids)

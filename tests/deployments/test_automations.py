"""The automations: what they wait for, that applying them may be repeated, and that they come once at each change."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import get_client
from prefect.events.actions import ChangeFlowRunState, DoNothing, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.server.events.schemas.automations import EventTrigger as ServerTrigger
from prefect.server.events.schemas.events import ReceivedEvent

from crm_sync.errors import ConfigurationError
from deployments.automations import apply_automations, build_automations

_NAMES = {automation.name for automation in build_automations()}


@pytest.fixture(autouse=True)
def _without_automations(prefect_home: Path) -> None:
    with get_client(sync_client=True) as client:
        for automation in client.read_automations():
            if automation.name in _NAMES:
                client.delete_automation(automation.id)


def test_applying_may_be_repeated() -> None:
    assert set(apply_automations()) == _NAMES

    assert apply_automations() == []
    with get_client(sync_client=True) as client:
        assert sorted(found.name for found in client.read_automations()) == sorted(_NAMES)


def test_one_that_somebody_changed_is_corrected_and_stays_off() -> None:
    apply_automations()
    name = next(name for name in _NAMES if "not succeeded" in name)
    with get_client(sync_client=True) as client:
        [found] = client.read_automations_by_name(name)
        own = found.model_dump(include=set(AutomationCore.model_fields) - {"owner_resource"})
        client.update_automation(found.id, AutomationCore(**own | {"enabled": False, "description": "Changed."}))

        assert apply_automations() == [name]
        [corrected] = client.read_automations_by_name(name)

    assert corrected.id == found.id
    assert not corrected.enabled
    assert corrected.description == found.description


def test_nothing_leaves_the_server_unless_a_notification_block_is_named() -> None:
    apply_automations()
    with get_client(sync_client=True) as client:
        actions = [action for found in client.read_automations() for action in found.actions]
    assert {type(action) for action in actions} == {DoNothing, ChangeFlowRunState}


def test_alerts_go_to_the_notification_block() -> None:
    block = CustomWebhookNotificationBlock(name="alerts", url="http://127.0.0.1:9/")
    saved = block.save("alerts", overwrite=True)
    notify = f"{block.get_block_type_slug()}/alerts"

    apply_automations(notify)

    with get_client(sync_client=True) as client:
        actions = [action for found in client.read_automations() for action in found.actions]
    told = [action for action in actions if isinstance(action, SendNotification)]
    assert len(told) == len(_NAMES) - 2, "all but those that end lost runs"
    assert {action.block_document_id for action in told} == {saved}
    assert apply_automations(notify) == []


def test_missing_notification_block_is_named() -> None:
    with pytest.raises(ConfigurationError, match="slack-webhook/nowhere"):
        apply_automations("slack-webhook/nowhere")


def test_silence_is_told_once_until_the_next_success() -> None:
    """Without `after`, Prefect would tell it again every half hour."""
    [trigger] = [found.trigger for found in build_automations() if "not succeeded" in found.name]
    assert isinstance(trigger, EventTrigger)
    assert trigger.posture == Posture.Proactive
    assert trigger.after == trigger.expect


@pytest.mark.parametrize(
    ("flow", "state", "is_success"),
    [
        ("incremental_pull", "Completed", True),
        ("incremental_pull", "CompletedWithRejects", True),
        ("incremental_pull", "Failed", False),
        ("incremental_pull", "Skipped", False),
        ("full_sync", "Completed", False),
    ],
)
def test_silence_ends_with_every_success_of_the_pull(flow: str, state: str, is_success: bool) -> None:
    [silence] = [found for found in build_automations() if "not succeeded" in found.name]
    trigger = ServerTrigger.model_validate(silence.trigger.model_dump(mode="json"))
    event = ReceivedEvent(
        occurred=datetime.now(UTC),
        received=datetime.now(UTC),
        event=f"prefect.flow-run.{state}",
        id=uuid4(),
        resource={"prefect.resource.id": f"prefect.flow-run.{uuid4()}"},
        related=[
            {
                "prefect.resource.id": f"prefect.flow.{uuid4()}",
                "prefect.resource.role": "flow",
                "prefect.resource.name": flow,
            }
        ],
    )

    assert trigger.covers(event) is is_success
    if is_success:
        assert trigger.starts_after(event.event)
        assert trigger.expects(event.event)


def test_run_is_alive_as_long_as_anything_of_it_happens() -> None:
    """Our final states have names of their own, such as CutByLimit."""
    [trigger] = [found.trigger for found in build_automations() if "sign of life" in found.name]
    assert isinstance(trigger, EventTrigger)
    assert trigger.expect == {"prefect.flow-run.*"}
    assert trigger.for_each == {"prefect.resource.id"}

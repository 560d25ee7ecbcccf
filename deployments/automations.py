"""Alerts as Prefect automations: one at each change of state, and two that end runs whose machine is gone."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ActionTypes, ChangeFlowRunState, DoNothing, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.exceptions import ObjectNotFound

from crm_sync.budget.alerts_store import BACKLOG, BREAKER, FLOW_FAILED, REJECTS
from crm_sync.consent.overview_store import NOT_IN_DEPLOYTEQ, UNDER_WAY, UNKNOWN
from crm_sync.errors import ConfigurationError
from tasks.pages.alerts import ALERT_OFF, ALERT_ON, RESOURCE

_ON_CHANGE = {
    FLOW_FAILED: "A flow has failed, or is well again",
    BREAKER: "Salesforce takes no more requests, or takes them again",
    BACKLOG: "A backlog is growing, or is worked off",
    REJECTS: "Too many records cannot be used, or no longer",
    UNDER_WAY: "Withdrawals are not in Salesforce for an hour, or are",
    NOT_IN_DEPLOYTEQ: "Opt-outs are not in Deployteq for an hour, or are",
    UNKNOWN: "It is not known who said no, or is again",
}
_NO_SUCCESS = timedelta(minutes=30)
# Prefect sends a heartbeat every half minute.
_LOST = timedelta(minutes=5)
# Longer than a container takes to start, its image to be fetched included.
_NOT_BEGUN = timedelta(minutes=15)
_PREFIX = "Deployteq: "


def build_automations(
    notification: UUID | None = None, *, lost_after: timedelta = _LOST, not_begun_after: timedelta = _NOT_BEGUN
) -> list[AutomationCore]:
    """Return every automation; alerts go to the notification block, or only show in Prefect's events."""
    return [
        *_alerts(notification),
        _no_success("incremental_pull", notification),
        _lost_runs(lost_after),
        _not_begun(not_begun_after),
    ]


def _alerts(notification: UUID | None) -> Iterator[AutomationCore]:
    """Alert once when one of our alerts goes on, and once when it goes off."""
    for kind, about in _ON_CHANGE.items():
        yield AutomationCore(
            name=f"{_PREFIX}{about}",
            description="From the events deployteq.alert.on and .off, which come once at each change.",
            trigger=EventTrigger(
                expect={ALERT_ON, ALERT_OFF},
                match={"prefect.resource.id": f"{RESOURCE}.{kind}.*"},
                posture=Posture.Reactive,
                threshold=1,
            ),
            actions=[
                _notify(notification, f"{_PREFIX}{about}", "{{ event.event }}: {{ event.payload.reason }}"),
            ],
        )


def _no_success(flow: str, notification: UUID | None) -> AutomationCore:
    """Alert once when a flow does not succeed for a while, and again only after another success."""
    about = f"{_PREFIX}{flow} has not succeeded for {round(_NO_SUCCESS.total_seconds() / 60)} minutes"
    # The event is named after the state, and ours are called CompletedWithRejects and the like too. For the server, an
    # asterisk stands for at least one character.
    success = {"prefect.flow-run.Completed", "prefect.flow-run.Completed*"}
    return AutomationCore(
        name=about,
        description="Noticed by the Prefect server itself, also when nothing runs any more.",
        trigger=EventTrigger(
            after=success,
            expect=success,
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related={"prefect.resource.role": "flow", "prefect.resource.name": flow},
            posture=Posture.Proactive,
            threshold=1,
            within=_NO_SUCCESS,
        ),
        actions=[_notify(notification, about, "Look at its last runs, and whether a worker is running.")],
    )


def _lost_runs(after: timedelta) -> AutomationCore:
    """End a run whose machine is gone; no service of Prefect's does, and it would be shown as running for ever."""
    return _crash(
        "A run without a sign of life has crashed",
        f"After {round(after.total_seconds() / 60)} minutes without a heartbeat or another event.",
        _nothing_after("prefect.flow-run.heartbeat", after),
        "Its process gives no sign of life; the next run goes on from where it stopped.",
    )


def _not_begun(after: timedelta) -> AutomationCore:
    """End a run whose machine was lost before it began; it would stay Pending, and keep every later one out."""
    return _crash(
        "A run that was handed out and did not begin has crashed",
        f"After {round(after.total_seconds() / 60)} minutes in which nothing followed on Pending.",
        _nothing_after("prefect.flow-run.Pending", after),
        "The machine that took it did not begin it; the next run does its work.",
    )


def _nothing_after(event: str, within: timedelta) -> EventTrigger:
    """Watch each run by itself; any event of the run counts, whatever its final state is called."""
    return EventTrigger(
        after={event},
        expect={"prefect.flow-run.*"},
        match={"prefect.resource.id": "prefect.flow-run.*"},
        for_each={"prefect.resource.id"},
        posture=Posture.Proactive,
        threshold=1,
        within=within,
    )


def _crash(name: str, description: str, trigger: EventTrigger, message: str) -> AutomationCore:
    crashed = ChangeFlowRunState(name="Crashed", state=StateType.CRASHED, message=message)
    return AutomationCore(name=f"{_PREFIX}{name}", description=description, trigger=trigger, actions=[crashed])


def _notify(notification: UUID | None, subject: str, body: str) -> ActionTypes:
    if notification is None:
        return DoNothing()
    return SendNotification(block_document_id=notification, subject=subject, body=body)


def apply_automations(
    notify: str = "", *, lost_after: timedelta = _LOST, not_begun_after: timedelta = _NOT_BEGUN
) -> list[str]:
    """Create the automations that are missing, correct those that differ, and return the names of both.

    May be repeated; one that somebody has switched off stays off. `notify` names a saved notification block as
    type/name; raises ConfigurationError when there is none.
    """
    applied = []
    with get_client(sync_client=True) as client:
        notification = _notification(client, notify)
        for wanted in build_automations(notification, lost_after=lost_after, not_begun_after=not_begun_after):
            found = client.read_automations_by_name(wanted.name)
            if not found:
                client.create_automation(wanted)
            elif _content(found[0]) != _content(wanted):
                client.update_automation(found[0].id, wanted.model_copy(update={"enabled": found[0].enabled}))
            else:
                continue
            applied.append(wanted.name)
    return applied


def _notification(client: SyncPrefectClient, notify: str) -> UUID | None:
    if not notify:
        return None
    kind, _, name = notify.partition("/")
    try:
        return client.read_block_document_by_name(name, kind).id
    except ObjectNotFound:
        raise ConfigurationError(
            f"There is no notification block {notify!r}; save one under Blocks in the Prefect UI, and name it in the "
            "API budget block as type/name."
        ) from None


def _content(automation: AutomationCore) -> dict[str, Any]:
    """Return what makes an automation, without what the server adds to it."""
    found = automation.model_dump(mode="json", include={"description", "trigger", "actions"})
    found["trigger"] = {name: found["trigger"][name] for name in EventTrigger.model_fields}
    found["trigger"] |= {name: sorted(found["trigger"][name]) for name in ("after", "expect", "for_each")}
    return found

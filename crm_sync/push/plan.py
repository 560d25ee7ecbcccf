"""The plan of a push: a frame with a state for each member, and a function from frame to frame for each step.

A plan has the members whose records are of one object. Columns: `member_id`, `customer_id`, `record_id`, `state`
(State), `code`, `message` (text, why it was refused), a text column per customer field (`FieldLink.column`), and for
each Salesforce field, as text:
`known <field>`, as the mirror has it; `merged <field>`, as the merged record of a joined customer had it;
`send <field>`, what is to be written; `confirmed <field>`, what Salesforce has, though no pull has brought it yet;
`conflict <field>` (boolean), whether it stays as Salesforce has changed it; `left <field>` (boolean), whether it
cannot be sent, while the rest of the record is.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum

import pandas as pd

from crm_sync.mapping.model import FieldLink
from crm_sync.outcomes import RefusalClass
from crm_sync.push.advice import FIELD_NOT_LINKED, NEWER_IN_SALESFORCE, OPT_OUT_GONE
from crm_sync.push.changes import as_field_values, find_changes, find_unlinked, with_the_whole
from crm_sync.push.result import Output
from crm_sync.push.settings import PushSettings
from crm_sync.salesforce.errors.row_refusals import CONTRADICTIONS
from crm_sync.salesforce.schema.describe import FieldDescription
from crm_sync.salesforce.write.records import RecordWrites
from crm_sync.sobject import SObject


class State(StrEnum):
    """Where a member of a push is."""

    QUEUED = "queued"  # not compared with Salesforce yet
    UNREACHABLE = "unreachable"  # leads to no record that can be written
    SAME = "same"  # Salesforce has its values
    CONFLICTING = "conflicting"  # all that it would send yields to newer values in Salesforce
    UNLINKED = "unlinked"  # its record has no field for what it would send
    IN_DOUBT = "in doubt"  # as same, but stands at no: does Salesforce still hold that?
    OPT_OUT_GONE = "opt-out gone"  # as same, but Salesforce no longer holds its no
    TO_SEND = "to send"
    GONE = "gone"  # refused as deleted or converted; Salesforce is asked where it leads
    SENT = "sent"
    PARTLY_SENT = "partly sent"  # all but fields that were left out, or that yield to newer values
    REFUSED = "refused"
    UNKNOWN_OUTCOME = "unknown outcome"  # perhaps written; a later run looks
    LIMITED = "limited"  # a limit came first


OUTPUTS = {
    State.UNREACHABLE: Output.ERROR,
    State.REFUSED: Output.ERROR,
    State.SAME: Output.SUCCESS,
    State.CONFLICTING: Output.ERROR,
    State.UNLINKED: Output.ERROR,
    State.OPT_OUT_GONE: Output.ERROR,
    State.PARTLY_SENT: Output.ERROR,
    State.SENT: Output.SUCCESS,
    State.LIMITED: Output.LIMIT,
}
OPEN = (State.QUEUED, State.TO_SEND, State.GONE, State.IN_DOUBT)
_LEADS_ON = (RefusalClass.TARGET_DELETED, RefusalClass.CONVERTED)


def make_plan(
    people: pd.DataFrame, records: pd.DataFrame, fields: Sequence[str], unlinked: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the plan of people of one object, all of them queued; `records`: the mirror's fields by record Id.

    `unlinked`: fields that only the people's own records have.
    """
    known = records[fields].reindex(people["record_id"]).set_axis(people.index).add_prefix("known ")
    joined = people.loc[people["is_joined"], "own_id"]
    merged = records[fields].reindex(joined).set_axis(joined.index).reindex(people.index).add_prefix("merged ")
    own = records[list(unlinked)].reindex(people["own_id"]).set_axis(people.index).add_prefix("own ")
    return pd.concat([people, known, merged, own], axis=1).assign(state=State.QUEUED.value)


def compare(
    plan: pd.DataFrame,
    links: list[FieldLink],
    fields: Mapping[str, FieldDescription],
    settings: PushSettings,
    current_values: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return the plan with what each open member has to send.

    `current_values`: Salesforce's values, by Id, of the records that it has changed since the last pull.
    """
    if current_values is not None:
        rows = plan.index[plan["record_id"].isin(current_values.index)]
        current_values = current_values.reindex(plan.loc[rows, "record_id"]).set_axis(rows)
    joined = plan.index[plan["is_joined"]]
    changes = find_changes(
        plan,
        values_of(plan, "known"),
        links,
        fields,
        settings,
        current_values=current_values,
        pre_merge_values=values_of(plan, "merged").loc[joined] if len(joined) else None,
    )
    is_newer, is_refused = changes.conflicts.any(axis=1), changes.code.notna()
    state = pd.Series(State.SAME.value, index=plan.index, dtype="str")
    state = state.mask(is_newer, State.CONFLICTING.value).mask(is_refused, State.REFUSED.value)
    state = state.mask(changes.to_send, State.TO_SEND.value)
    code = changes.code.mask(is_newer & ~is_refused, NEWER_IN_SALESFORCE)
    message = changes.message.mask(is_newer & ~is_refused, _names(changes.conflicts))
    columns = {f"send {name}": column for name, column in changes.values.items()}  # noqa: PD011  # its own
    columns |= {f"confirmed {name}": column for name, column in changes.confirmed_values.items()}
    columns |= {f"conflict {name}": column for name, column in changes.conflicts.items()}
    columns |= {f"left {name}": column for name, column in changes.left_out.items()}
    # All at once: hundreds of columns that are put in one by one take pandas long.
    others = plan.drop(columns=[name for name in columns if name in plan])
    found = pd.DataFrame(columns, index=plan.index)
    return pd.concat([others.assign(state=state, code=code, message=message), found], axis=1)


def add_unlinked(plan: pd.DataFrame, links: Sequence[FieldLink], types: Mapping[str, str]) -> pd.DataFrame:
    """Return a compared plan with the values that the record has no field for, though the customer's own has one."""
    found = find_unlinked(plan, values_of(plan, "own"), links, types)
    where = found.any(axis=1) & plan["code"].isna()
    return plan.assign(
        state=plan["state"].mask(where & plan["state"].eq(State.SAME), State.UNLINKED.value),
        code=plan["code"].mask(where, FIELD_NOT_LINKED),
        message=plan["message"].mask(where, _names(found)),
        **{f"left {name}": column for name, column in found.items()},
    )


def without_success(plan: pd.DataFrame, is_held: pd.Series) -> pd.DataFrame:
    """Return a compared plan in which nobody is the same, or will be sent, whose no Salesforce is not known to hold.

    `is_held`: by customer, for those who stand at no; missing: Salesforce has not been asked yet.
    """
    stands = plan["customer_id"].isin(is_held.index)
    held = is_held.reindex(plan["customer_id"]).set_axis(plan.index)
    is_same, gone = plan["state"].eq(State.SAME), held.eq(False).fillna(False)
    state = plan["state"].mask(is_same & stands & held.isna(), State.IN_DOUBT.value)
    return plan.assign(
        state=state.mask(is_same & gone, State.OPT_OUT_GONE.value),
        code=plan["code"].mask(gone & plan["code"].isna(), OPT_OUT_GONE),
    )


def _names(chosen: pd.DataFrame) -> pd.Series:
    """Return, for each row of boolean columns, the names of those that are true."""
    texts = [column.map({True: f"{name}, ", False: ""}) for name, column in chosen.items()]
    joined = sum(texts[1:], texts[0]) if texts else pd.Series("", index=chosen.index)
    return joined.astype("str").str.removesuffix(", ")


def values_of(plan: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return the plan's columns of one kind (`send`, `known` and so on), named by their field."""
    names = [name for name in plan.columns if name.startswith(f"{kind} ")]
    return plan[names].set_axis([name.removeprefix(f"{kind} ") for name in names], axis=1)


def count_by_field(flags: pd.DataFrame) -> Counter[str]:
    """Return of how many members each field is flagged, but for fields of none."""
    return Counter({str(name): int(count) for name, count in flags.sum().items() if count})


def to_write(plan: pd.DataFrame, sobject: SObject, types: Mapping[str, str]) -> RecordWrites:
    """Return the records to write."""
    chosen = plan[plan["state"].eq(State.TO_SEND)]
    values = values_of(chosen, "send").dropna(axis=1, how="all")
    return RecordWrites(sobject, pd.concat([chosen["record_id"].rename("Id"), values], axis=1), types)


def apply_results(
    plan: pd.DataFrame,
    results: pd.DataFrame,
    wholes: Sequence[Sequence[str]] = (),
    *,
    can_go_on: bool = False,
    can_describe: bool = False,
) -> pd.DataFrame:
    """Return the plan after Salesforce has answered for some records (`Delivery.results`).

    `wholes`: fields that are sent together. With `can_go_on`, a record that was refused for named fields is to be sent
    without these, and one that was refused as deleted or converted is GONE. With `can_describe`, one whose refusal
    contradicts what is known of the fields is queued again.
    """
    results = results.reindex(plan.index[plan.index.isin(results.index)])
    is_sent = pd.Series(plan.index.isin(results.index[results["success"].eq(True)]), index=plan.index)
    is_limited = results["refusal"].reindex(plan.index).eq(RefusalClass.LIMIT)
    is_refused = plan.index.isin(results.index) & ~is_sent & ~is_limited
    send = values_of(plan, "send")
    left = _named_fields(results, send, wholes) & pd.DataFrame(is_refused).to_numpy()
    goes_on = left.any(axis=1) & (send.notna() & ~left).any(axis=1) & can_go_on
    left &= goes_on.to_frame().to_numpy()
    contradicts = results["error_code"].reindex(plan.index).str.upper().isin(CONTRADICTIONS) & is_refused & can_describe
    confirmed = send[is_sent].reindex(plan.index).fillna(values_of(plan, "confirmed"))
    is_partial = is_sent & plan["code"].notna()
    state = plan["state"].mask(is_sent, State.SENT.value).mask(is_partial, State.PARTLY_SENT.value)
    state = state.mask(is_limited, State.LIMITED.value).mask(is_refused & ~goes_on, State.REFUSED.value)
    is_gone = results["refusal"].reindex(plan.index).isin(_LEADS_ON) & is_refused & ~goes_on & can_go_on
    return plan.assign(
        state=state.mask(is_gone, State.GONE.value).mask(contradicts, State.QUEUED.value),
        code=plan["code"].mask(is_refused, results["error_code"].reindex(plan.index)),
        message=plan["message"].mask(is_refused, results["error_message"].reindex(plan.index)),
        **{f"confirmed {name}": column for name, column in confirmed.items()},
        **{f"send {name}": column for name, column in send.mask(left).items()},
        **{f"left {name}": column | left[name] for name, column in values_of(plan, "left").items() if name in left},
    )


def _named_fields(results: pd.DataFrame, send: pd.DataFrame, wholes: Sequence[Sequence[str]]) -> pd.DataFrame:
    """Return which of the values that were sent the refusals name, with the whole that each is a part of."""
    empty = pd.Series(None, index=results.index, dtype="str")
    named = results.get("error_fields", empty).reindex(send.index)
    found = {
        str(name): named.str.contains(f",{str(name).lower()},", regex=False, na=False) & column.notna()
        for name, column in send.items()
    }
    return with_the_whole(pd.DataFrame(found, index=send.index, dtype="bool"), wholes) & send.notna()


def mark_unknown(plan: pd.DataFrame, unknown_outcome: pd.Index) -> pd.DataFrame:
    """Return the plan with the state of members whose records may have been written."""
    return plan.assign(state=plan["state"].mask(plan.index.isin(unknown_outcome), State.UNKNOWN_OUTCOME.value))


def mark_limited(plan: pd.DataFrame) -> pd.DataFrame:
    """Return the plan with every open member cut by a limit."""
    return plan.assign(state=plan["state"].mask(plan["state"].isin(OPEN), State.LIMITED.value))


def confirmed_values(plan: pd.DataFrame) -> pd.DataFrame:
    """Return what Salesforce is now known to have: `id` of the record, and `field_values` (JSON object text)."""
    values = values_of(plan, "confirmed")
    some = values.notna().any(axis=1) if len(values.columns) else pd.Series(False, index=plan.index)
    if not some.any():
        return pd.DataFrame({"id": [], "field_values": []}, dtype="str")
    return pd.DataFrame({"id": plan.loc[some, "record_id"], "field_values": as_field_values(values[some])})

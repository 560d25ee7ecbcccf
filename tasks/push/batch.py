"""A batch of members on its way to Salesforce: what each of them sends, and what became of it."""

from bisect import bisect_right
from dataclasses import dataclass

import pandas as pd

from crm_sync.outcomes import RefusalClass
from crm_sync.pull.watermarks_store import read_watermarks
from crm_sync.push.changes import Changes, as_field_values, find_changes
from crm_sync.push.described_fields import forget_fields
from crm_sync.push.members import count_pushed, read_people, read_records
from crm_sync.push.result import Output
from crm_sync.push.settings import CheckedSettings
from crm_sync.push.targets import find_targets
from crm_sync.salesforce.limits import COLLECTIONS_PER_REQUEST, RECORDS_PER_COLLECTION
from crm_sync.salesforce.read.changed_since import ChangeQuery
from crm_sync.salesforce.read.read_plan import requests_to_read
from crm_sync.salesforce.write.plan import WriteLoad, plan_groups
from crm_sync.salesforce.write.records import RecordWrites
from crm_sync.sobject import SObject
from tasks.push.conflict_check import check_conflicts
from tasks.push.described_fields import KnownFields, describe_fields, known_fields
from tasks.push.outputs import NOTHING, OutputRecorder
from tasks.run.forecasts import polls_of_a_job
from tasks.run.run import Run, utc_now

_REFUSED_FIELDS = {"INVALID_FIELD", "INVALID_FIELD_FOR_INSERT_UPDATE"}


@dataclass(frozen=True)
class _Part:
    """The members of a batch whose records are of one object, their records as the mirror has them, and the merged
    records of those customers that were joined to another one."""

    people: pd.DataFrame
    known: pd.DataFrame
    merged: pd.DataFrame


class Batch:
    """Claimed members; each of them is settled once, with an output, or left to a later run."""

    def __init__(self, run: Run, checked: CheckedSettings, tally: OutputRecorder, members: pd.DataFrame) -> None:
        """Read the customers and the records that they lead to; nothing is sent."""
        self._run, self._checked, self._tally = run, checked, tally
        fields = {sobject: [link.salesforce_field for link in links] for sobject, links in checked.links.items()}
        settings = checked.settings
        with run.database.transaction() as connection:
            people = read_people(connection, members, checked.targets, checked.id_link)
            people = find_targets(connection, people, settings.sobject, follow_converted=settings.follow_converted)
            ids = pd.concat([people["record_id"], people.loc[people["is_joined"], "own_id"]])
            records = read_records(connection, ids.dropna().drop_duplicates(), fields)
        self._people = people
        self._left = pd.Series(True, index=self._people.index)
        self._parts = {
            sobject: part
            for sobject, names in fields.items()
            if len((part := _part(people, records, sobject, names)).people)
        }
        self._changes: dict[SObject, Changes] = {}
        self._known: dict[SObject, KnownFields] = {}
        self._looks = not settings.customer_wins
        self._pushed_by_object: dict[SObject, int] = {}
        # Who has more to send than a run sends.
        self._unfinished = self._people.index[:0]

    def settle_lost(self) -> None:
        """Settle those who lead to no record that can be written."""
        lost = self._people["code"].notna()
        self._settle(lost, Output.ERROR, self._people["code"], self._people["message"])

    def find_changes(self) -> None:
        """Say what differs from what Salesforce is known to have; settle those with nothing to send, or nothing that
        Salesforce would take."""
        self._known = {sobject: known_fields(self._run, sobject) for sobject in self._parts}
        self._changes = {sobject: self._compare(sobject) for sobject in self._parts}
        self._settle_same()
        doubtful = [sobject for sobject in self._parts if self._known[sobject].needs_describe(self._changes[sobject])]
        self._known |= describe_fields(self._run, doubtful)
        self._changes |= {sobject: self._compare(sobject) for sobject in doubtful}
        self._settle_without_sending()

    def requests(self, most: int | None = None) -> int:
        """Return about how many requests it takes to send what is left, or the first `most` of it."""
        going = self._in_turn().iloc[:most]
        urgent, others = (_by_object(going[going["urgent"] == wanted]) for wanted in (True, False))
        loads = [
            [WriteLoad(sobject, count, is_upsert=False) for sobject, count in group.items()]
            for group in (urgent, others)
        ]
        writes = sum(plan.requests for plan in plan_groups(loads, polls=polls_of_a_job(self._run)))
        if self._checked.settings.customer_wins:
            return writes
        asked = {sobject: number for sobject, number in _by_object(going).items() if not self._is_fresh(sobject)}
        return writes + requests_to_read(asked, self._pushed)

    def _pushed(self, sobject: SObject) -> int:
        """Return how many records of an object pushes have changed since it was last pulled."""
        if sobject not in self._pushed_by_object:
            with self._run.database.transaction() as connection:
                self._pushed_by_object[sobject] = count_pushed(connection, sobject)
        return self._pushed_by_object[sobject]

    def most_within(self, requests: int) -> int:
        """Return how many of those left so many requests can send."""
        return bisect_right(range(1, len(self._in_turn()) + 1), requests, key=self.requests)

    def leave_after(self, most: int) -> None:
        """Settle all but the first `most` of those to be sent as cut by the limit."""
        self._settle(self._is_in(self._in_turn().index[most:]), Output.LIMIT)

    def withdraw_only(self, requests: int) -> None:
        """Keep the withdrawals of consent, as many as so many requests write without a look before.

        All else is settled as cut by the limit, also where it is more that such a customer has to send.
        """
        urgent = int(self._in_turn()["urgent"].sum())
        self.leave_after(min(urgent, requests * RECORDS_PER_COLLECTION * COLLECTIONS_PER_REQUEST))
        for sobject, changes in self._changes.items():
            kept = changes.only_withdrawals(self._checked.links[sobject])
            left_out = (changes.values.notna() & kept.values.isna()).any(axis=1)  # noqa: PD011  # its own
            self._unfinished = self._unfinished.union(left_out.index[left_out])
            self._changes[sobject] = kept
        self._looks = False

    def _in_turn(self) -> pd.DataFrame:
        """Return who is to be sent (`sobject`, `urgent`), withdrawals of consent first."""
        found = [pd.DataFrame({"sobject": pd.Series(dtype="str"), "urgent": pd.Series(dtype="bool")})]
        for sobject, changes in self._changes.items():
            going = changes.to_send & self._left[self._parts[sobject].people.index]
            found.append(pd.DataFrame({"sobject": str(sobject), "urgent": changes.opts_out[going]}))
        return pd.concat(found).sort_values("urgent", ascending=False, kind="stable")

    def yield_to_salesforce(self) -> None:
        """Take out what Salesforce has changed since the last pull."""
        if not self._looks:
            return
        questions = [question for sobject in self._parts if (question := self._question(sobject))]
        if not questions:
            return
        now_there = check_conflicts(self._run, questions)
        for sobject, records in now_there.items():
            changes = self._compare(sobject, records)
            self._changes[sobject] = changes
            self._tally.note_conflicts(self._parts[sobject].people, changes.conflicts)
        self._settle_without_sending()

    def writes(self) -> tuple[list[RecordWrites], list[RecordWrites]]:
        """Return what is left to write: withdrawals of consent, and all else."""
        urgent: list[RecordWrites] = []
        others: list[RecordWrites] = []
        for sobject, changes in self._changes.items():
            people = self._parts[sobject].people
            records = pd.concat([people["record_id"].rename("Id"), changes.values], axis=1)  # noqa: PD011  # its own
            types = {name: field.type for name, field in self._known[sobject].fields.items()}
            going = changes.to_send & self._left[people.index]
            for chosen, group in ((going & changes.opts_out, urgent), (going & ~changes.opts_out, others)):
                if chosen.any():
                    group.append(RecordWrites(sobject, records[chosen].dropna(axis=1, how="all"), types))
        return urgent, others

    def take(self, results: pd.DataFrame) -> None:
        """Settle what Salesforce has answered."""
        final = results[results["refusal"].ne(RefusalClass.LIMIT)]
        if set(final["error_code"].dropna()) & _REFUSED_FIELDS:
            with self._run.database.transaction() as connection:
                forget_fields(connection, self._run.org_key)
        done = pd.Series(Output.ERROR.value, index=final.index, dtype="str").mask(
            final["success"], Output.SUCCESS.value
        )
        done = done.mask(final["success"] & final.index.isin(self._unfinished), Output.LIMIT.value)
        learnt = self._sent(final.index[final["success"]])
        self._settle(self._is_in(final.index), done, final["error_code"], final["error_message"], learnt)
        self._tally.written += int(final["success"].sum())

    def cut(self, *, in_doubt: pd.Index | None = None) -> None:
        """Settle everyone left as cut by the limit, but those of whom it is not known whether they were written."""
        self._settle(~self._is_in(pd.Index([]) if in_doubt is None else in_doubt), Output.LIMIT)

    def _compare(self, sobject: SObject, there: pd.DataFrame | None = None) -> Changes:
        part = self._parts[sobject]
        by_row = None
        if there is not None:
            known_there = part.people["record_id"].isin(there.index)
            rows = part.people.index[known_there]
            by_row = there.reindex(part.people.loc[rows, "record_id"]).set_axis(rows)
        links, settings = self._checked.links[sobject], self._checked.settings
        return find_changes(
            part.people,
            part.known,
            links,
            self._known[sobject].fields,
            settings,
            now_there=by_row,
            own_before=part.merged if len(part.merged) else None,
        )

    def _question(self, sobject: SObject) -> ChangeQuery | None:
        """Return what to ask of one object, or None when nothing is sent to it or a pull is fresh enough."""
        changes, people = self._changes[sobject], self._parts[sobject].people
        asked = people.loc[changes.to_send & self._left[people.index], "record_id"]
        if asked.empty or self._is_fresh(sobject):
            return None
        described = self._known[sobject].fields
        names = [link.salesforce_field for link in self._checked.links[sobject] if link.salesforce_field in described]
        return ChangeQuery(sobject, {name: described[name].type for name in names}, None, only_ids=list(asked))

    def _is_fresh(self, sobject: SObject) -> bool:
        minutes = self._checked.settings.trust_pull_minutes
        if not minutes:
            return False
        with self._run.database.transaction() as connection:
            mark = read_watermarks(connection, self._run.org_key).get(sobject)
        return mark is not None and (utc_now() - mark.stored_until).total_seconds() <= 60 * minutes

    def _settle_without_sending(self) -> None:
        for changes in self._changes.values():
            refused = changes.code.index[changes.code.notna()]
            self._settle(self._is_in(refused), Output.ERROR, changes.code, changes.message)
        self._settle_same()

    def _settle_same(self) -> None:
        for sobject, changes in self._changes.items():
            people = self._parts[sobject].people
            same = people.index[changes.code.isna() & ~changes.to_send]
            learnt = _learnt(people.loc[same], changes.learnt.loc[same])
            self._settle(self._is_in(same), Output.SUCCESS, learnt=learnt)

    def _settle(
        self,
        chosen: pd.Series,
        output: Output | pd.Series,
        code: pd.Series | None = None,
        message: pd.Series | None = None,
        learnt: pd.DataFrame | None = None,
    ) -> None:
        rows = self._people.index[chosen & self._left]
        code = None if code is None else code.reindex(rows)
        message = None if message is None else message.reindex(rows)
        own = output.reindex(rows) if isinstance(output, pd.Series) else output
        self._tally.store(self._people.loc[rows], own, code, message, learnt=NOTHING if learnt is None else learnt)
        self._left[rows] = False

    def _sent(self, rows: pd.Index) -> pd.DataFrame:
        frames = []
        for sobject, changes in self._changes.items():
            own = rows[rows.isin(changes.to_send.index)]
            values = changes.values.loc[own].fillna(changes.learnt.loc[own])  # noqa: PD011  # its own
            frames.append(_learnt(self._parts[sobject].people.loc[own], values))
        return pd.concat(frames, ignore_index=True)

    def _is_in(self, rows: pd.Index) -> pd.Series:
        return pd.Series(self._people.index.isin(rows), index=self._people.index)


def _by_object(going: pd.DataFrame) -> dict[SObject, int]:
    return {SObject(str(name)): int(number) for name, number in going.groupby("sobject").size().items()}


def _part(people: pd.DataFrame, records: pd.DataFrame, sobject: SObject, names: list[str]) -> _Part:
    own = people[people["code"].isna() & people["sobject"].eq(sobject)]
    known = records[names].reindex(own["record_id"]).set_axis(own.index)
    joined = own[own["is_joined"]]
    return _Part(own, known, records[names].reindex(joined["own_id"]).set_axis(joined.index))


def _learnt(people: pd.DataFrame, values: pd.DataFrame) -> pd.DataFrame:
    told = values.notna().any(axis=1)
    return pd.DataFrame({"id": people.loc[told, "record_id"], "field_values": as_field_values(values[told])})

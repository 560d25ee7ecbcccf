"""The real flows, with kills and faults, in a company; what they were given is written down as Salesforce gave it."""

from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import datetime, timedelta
from functools import partial
from threading import get_ident
from typing import Any
from urllib.parse import unquote_plus

from sqlalchemy import select, text

from blocks.salesforce_synchronize import SalesforceSynchronize
from crm_sync.database.tables.campaigns import campaign_member
from crm_sync.database.tables.consent import consent_delivery, installation
from crm_sync.database.tables.customers import customer, salesforce_record, watermark
from crm_sync.errors import SyncError
from crm_sync.push.result import PushResult
from flows.campaign_push import campaign_push
from flows.retry_outputs import retry_outputs
from standins.salesforce.http.faults import Fault, Faults
from standins.salesforce.http.journal import Entry, Journal
from tests.consent.company import CAMPAIGN, Company
from tests.consent.reckoning import Reading
from tests.consent.world import Outcome
from tests.rigs.ageing import let_all_age
from tests.rigs.breakers import let_the_pause_pass
from tests.rigs.kills import KilledError, KillPoint, killed_at
from tests.rigs.org import Row

_STATEMENTS = [
    *("INSERT INTO salesforce_record", "INSERT INTO consent_event", "INSERT INTO address_consent"),
    *("DELETE FROM address_consent", "INSERT INTO consent_candidate", "DELETE FROM consent_candidate"),
    *("INSERT INTO consent_delivery", "UPDATE consent_delivery", "UPDATE customer", "UPDATE watermark"),
    *("INSERT INTO installation", "INSERT INTO campaign_output", "UPDATE campaign_member"),
]
_FAULTS: list[dict[str, Any]] = [
    *({"action": "reset"}, {"action": "reset_after"}, {"action": "truncate"}, {"action": "expire_session"}),
    {"action": "status", "status": 403, "body": [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "Limit exceeded"}]},
]
_REFUSED = "FIELD_CUSTOM_VALIDATION_EXCEPTION"


class _Asked(Faults):
    """Sees each query before it is answered."""

    def __init__(self, look: Callable[[str], None]) -> None:
        super().__init__()
        self._look = look

    def due(self, method: str, path: str, *, inner: bool = False) -> Fault | None:
        fault = super().due(method, path, inner=inner)
        if inner and not fault:
            self._look(unquote_plus(path))
        return fault


class _Answered(Journal):
    """Sees each request when it was worked on, before its answer goes out."""

    def __init__(self, then: Callable[[Entry], None]) -> None:
        super().__init__()
        self._then = then

    def write(self, entry: Entry) -> None:
        super().write(entry)
        self._then(entry)


class CompanyRuns:
    """Runs of the flows. `told`: customers whose withdrawal a push called a success that Salesforce does not hold."""

    def __init__(self, company: Company) -> None:
        """Read everything once."""
        self.company, self.rig, self.dice = company, company.rig, company.dice
        self.told: list[int] = []
        self._meanwhile = 0
        self._was_read = False
        # The thread in which people act during a run: they are not killed with it.
        self._others = set[int]()
        # Of each object, as it was when it was asked for; and of each Bulk job.
        self._given: dict[str, tuple[datetime, dict[str, Row]]] = {}
        self.rig.org.faults, self.rig.org.journal = _Asked(self._look), _Answered(self._act_meanwhile)
        self._run(self.rig.sync)

    def _look(self, query: str) -> None:
        for sobject in ("Lead", "Contact"):
            if f"FROM {sobject}" in query and "SystemModstamp >=" in query and "Id IN" not in query:
                self._was_read = True
                self._take(sobject)

    def _act_meanwhile(self, entry: Entry) -> None:
        if entry.kind == "bulk_jobs" and entry.method == "POST":
            for sobject in ("Lead", "Contact"):
                # Both were as they are now: nobody acts during a full sync.
                self._take(sobject)
        if self._was_read:
            self._was_read, times, self._meanwhile = False, self._meanwhile, 0
            self._others.add(get_ident())
            for _ in range(times):
                world = self.dice.randrange(self.company.number)
                self.company.act(world)
                self.company.act(world)
            self._others.clear()

    def _take(self, sobject: str) -> None:
        prefix = "00Q" if sobject == "Lead" else "003"
        every = {one: self.company.record(one) for one in self.company.everyone() if one.startswith(prefix)}
        self._given[sobject] = (self.company.now(), every)

    def _run(self, run: Callable[[], object], goes_wrong: AbstractContextManager[None] | None = None) -> None:
        """Let a flow run, and write down what it has read, seen and written."""
        company, reckoning = self.company, self.company.reckoning
        let_the_pause_pass(self.rig)
        self._given.clear()
        before, started, at_no = self._state(), company.now(), self._at_no()
        company.written.clear()
        try:
            with suppress(SyncError, KilledError), goes_wrong or nullcontext():
                run()
        finally:
            self.rig.org.faults.clear()
            self.rig.org.refusals.clear()
            company.notice_written()
        after, ended = self._state(), company.now()
        for sobject, (asked, given) in self._given.items():
            whole = before["marks"].get(sobject) != after["marks"].get(sobject)
            for one, row in given.items():
                if whole or before["read"].get(one) != after["read"].get(one):
                    self._note(one, row, asked, ended)
        if before["looked"] != after["looked"]:
            for address in at_no:
                reckoning.here[address].append(started)
            for address in self._at_no():
                reckoning.here[address].append(ended)
        for one in after["delivered"] - before["delivered"]:
            if (number := one[0]) in company.written and reckoning.readings[number]:
                reckoning.written[number].append((reckoning.readings[number][-1].address, ended))

    def _note(self, one: str, row: Row, asked: datetime, ended: datetime) -> None:
        readings = self.company.reckoning.readings[one]
        address = row["Email"] or (readings[-1].address if readings else "")
        known = asked + timedelta(microseconds=1)
        readings.append(Reading(address, bool(row["HasOptedOutOfEmail"]), asked, known, ended))

    def _state(self) -> dict[str, Any]:
        """Return what the runs keep about how far they came."""
        delivered = consent_delivery.c.delivered_at.is_not(None) & (consent_delivery.c.said == "no")
        with self.company.database.transaction() as connection:

            def pairs(*columns: Any, where: Any = None) -> list[Any]:
                query = select(*columns)
                return [tuple(row) for row in connection.execute(query if where is None else query.where(where))]

            return {
                "read": dict(pairs(salesforce_record.c.id, salesforce_record.c.read_at)),
                "marks": dict(pairs(watermark.c.sobject, watermark.c.stored_until)),
                "looked": pairs(installation.c.value, where=installation.c.name == "consent_looked_at"),
                "delivered": set(pairs(consent_delivery.c.record_id, consent_delivery.c.id, where=delivered)),
            }

    def _at_no(self) -> list[str]:
        with self.company.database.transaction() as connection:
            return list(connection.scalars(select(customer.c.unique_key).where(customer.c.opt_in.is_(False))))

    def _wrong(self) -> AbstractContextManager[None] | None:
        """Let an answer be broken, records be refused, or the process be killed, now and then."""
        dice, org = self.dice, self.rig.org
        if dice.random() < 0.3:
            for one in dice.sample(self.company.everyone(), self.company.number // 5):
                org.refusals.add(one, times=9, code=_REFUSED, message="Ask the owner first")
        if dice.random() < 0.3:
            org.faults.add(
                Fault(path="/composite", nth=dice.randint(1, 3), times=dice.randint(1, 2), **dice.choice(_FAULTS))
            )
        if dice.random() < 0.4:
            moment = dice.choice(["statement", "before", "after"])
            point = KillPoint(dice.choice(_STATEMENTS), moment, dice.randint(1, 3))
            return killed_at(point, spares=lambda: get_ident() in self._others)
        return None

    def _push(self, *, again: bool = False) -> None:
        with self.company.database.transaction() as connection:
            entered = {row.customer_id for row in connection.execute(select(campaign_member)) if row.done_at is None}
        if not entered and not again:
            return
        settings = SalesforceSynchronize(
            fields=["Title", "HasOptedOutOfEmail"],
            sobject=self.dice.choice(["Contact", "Lead"]),
            customer_wins=self.dice.random() < 0.3,
            always_send=self.dice.random() < 0.3,
            trust_pull_minutes=self.dice.choice([0, 0, 60]),
        )
        push = partial(retry_outputs, CAMPAIGN, "error") if again else partial(campaign_push, CAMPAIGN)
        result: PushResult = push(settings=settings, **self.rig.blocks())
        self.told += [one for one in result.success if self._is_told_wrongly(one)]

    def _is_told_wrongly(self, one: int) -> bool:
        with self.company.database.transaction() as connection:
            person = connection.execute(select(customer).where(customer.c.id == one)).one()
            into = customer.c.id == person.merged_into_customer_id
            joined_to = connection.scalar(select(customer.c.unique_key).where(into))
        words = self._words()
        # Of an address that has no record any more, the record counts that its own was merged into; and always the
        # one that was written, which somebody may have given another address since.
        noes = words.get(person.unique_key) or words.get(joined_to or "", [])
        written = self.company.record(person.salesforce_id) if person.salesforce_id else {}
        noes = [*noes, bool(written.get("HasOptedOutOfEmail")) and not written.get("IsDeleted")]
        return person.opt_in is False and not any(noes)

    def _words(self) -> dict[str, list[bool]]:
        """Return by address what the records that can be written say."""
        words = defaultdict(list)
        for row in map(self.company.record, self.company.everyone()):
            if row["Email"] and not row["IsDeleted"] and not row.get("IsConverted"):
                words[row["Email"]].append(bool(row["HasOptedOutOfEmail"]))
        return words

    def live(self, rounds: int) -> None:
        """Let people act and the flows run in any order, then let it end without faults."""
        company, dice = self.company, self.dice
        for _ in range(rounds):
            for world in range(company.number):
                if dice.random() < 0.5:
                    company.act(world)
            self._age(dice.choice([1, 15, 60]))
            kind = dice.choice(["pull", "pull", "pull", "sync", "push", "retry"])
            self._meanwhile = company.number // 4 if kind == "pull" else 0
            runs: dict[str, Callable[[], object]] = {
                "pull": partial(self.rig.pull, approve_changes=True),
                "sync": partial(self.rig.sync, approve_changes=True, repair=dice.random() < 0.3),
                "push": self._push,
                "retry": partial(self._push, again=True),
            }
            self._run(runs[kind], self._wrong())
        self._meanwhile = 0
        for _ in range(3):
            self._age(15)
            self._run(partial(self.rig.pull, approve_changes=True))

    def _age(self, minutes: int) -> None:
        let_all_age(self.rig, minutes=minutes)
        self.company.aged += timedelta(minutes=minutes)

    def outcome(self) -> Outcome:
        """Hold what came of it against the reckoning."""
        with self.company.database.transaction() as connection:
            query = "SELECT unique_key FROM customer JOIN customer_mailable ON id = customer_id WHERE is_mailable"
            mailable = list(connection.scalars(text(query)))
        reckoning, words = self.company.reckoning, self._words()
        said = partial(reckoning.stands, only_said=True)
        # Of records that differed when they were first seen, one that holds the no is enough.
        lacking = [to for to, noes in words.items() if not (all(noes) or (any(noes) and not said(to)))]
        return Outcome(
            [one for one in mailable if reckoning.stands(one)],
            [one for one in lacking if reckoning.stands(one)],
            [one for one in mailable if not reckoning.was_asked(one)],
            [one for one in mailable if reckoning.came_back(one)],
        )

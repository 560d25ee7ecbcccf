"""What the tests of campaign pushes share: customers of a synced org, changed here and there, and pushed."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect.client.schemas.objects import State
from sqlalchemy import Table, Text, cast, create_engine, literal, type_coerce, update
from sqlalchemy.dialects.postgresql import JSONB

from blocks.data_mapping import DataMapping
from blocks.salesforce_synchronize import SalesforceSynchronize
from crm_sync.database.engine import parse_url
from crm_sync.database.tables.campaigns import campaign_member, campaign_output
from crm_sync.database.tables.customers import customer
from crm_sync.mapping.model import CustomerFieldKind, FieldLink, ObjectMapping
from crm_sync.push.queue_store import enter_campaign
from crm_sync.push.result import PushResult
from crm_sync.sobject import SObject
from flows.campaign_push import campaign_push
from flows.retry_outputs import retry_outputs
from tests.rigs.breakers import let_the_pause_pass
from tests.rigs.org import PEOPLE, Rig, Row, start_rig

CAMPAIGN = "spring"
OPTIONS = {
    "Score__c": "score",
    "Interests__c": "interests",
    "Last_Visit__c": "last visit",
    "Newsletter__c": "newsletter",
    "Email_Opt_In__c": "wants mail",
}


def wide_mapping() -> DataMapping:
    """Return the standard mapping with option fields of several types."""
    plain = DataMapping()
    return DataMapping(contact=_with_options(plain.contact), lead=_with_options(plain.lead))


def _with_options(mapping: ObjectMapping) -> ObjectMapping:
    options = [
        FieldLink(salesforce_field=name, kind=CustomerFieldKind.OPTION, name=option) for name, option in OPTIONS.items()
    ]
    return mapping.model_copy(update={"links": [*mapping.links, *options]})


@dataclass
class Pushes:
    """A synced org, and pushes to it."""

    rig: Rig
    fields: list[str] = field(default_factory=lambda: ["Title", "MobilePhone", "HasOptedOutOfEmail"])
    options: dict[str, Any] = field(default_factory=dict)

    def settings(self, **changes: Any) -> SalesforceSynchronize:
        """Return the settings of the step."""
        return SalesforceSynchronize(**({"fields": self.fields} | self.options | changes))

    def push(self, **changes: Any) -> PushResult:
        """Push the campaign's queue as a Python caller does; forget what was asked before."""
        let_the_pause_pass(self.rig)
        self.rig.org.journal.clear()
        result: PushResult = campaign_push(CAMPAIGN, settings=self.settings(**changes), **self.rig.blocks())
        return result

    def state(self, **changes: Any) -> State[PushResult]:
        """Push the queue and return the final state, as the Prefect UI shows it."""
        let_the_pause_pass(self.rig)
        self.rig.org.journal.clear()
        state: State[PushResult] = campaign_push(
            CAMPAIGN, settings=self.settings(**changes), **self.rig.blocks(), return_state=True
        )
        return state

    def retry(self, which: str = "limit", **changes: Any) -> PushResult:
        """Send an output again."""
        let_the_pause_pass(self.rig)
        self.rig.org.journal.clear()
        result: PushResult = retry_outputs(CAMPAIGN, which, settings=self.settings(**changes), **self.rig.blocks())
        return result

    def people(self, sobject: SObject = SObject.CONTACT) -> list[Row]:
        """Return the customers whose source record is of this object, oldest first."""
        rows = (row for row in self.rig.rows(customer) if row["salesforce_object"] == sobject)
        live = {row["Id"] for row in self.rig.people(sobject) if not row["IsDeleted"]}
        return sorted((row for row in rows if row["salesforce_id"] in live), key=lambda row: int(row["id"]))

    def customer(self, customer_id: int) -> Row:
        """Return one customer."""
        return next(row for row in self.rig.rows(customer) if row["id"] == customer_id)

    def change(self, customer_ids: Iterable[int], **values: Any) -> None:
        """Change customers here, as Deployteq would."""
        self.execute(
            update(customer)
            .where(customer.c.id.in_(list(customer_ids)))
            .values(**values, modified_at=datetime.now(UTC))
        )

    def change_options(self, customer_id: int, **options: Any) -> None:
        """Change the option fields of one customer; underscores stand for blanks."""
        named = {name.replace("_", " "): value for name, value in options.items()}
        whole = json.dumps(self.customer(customer_id)["options"] | named, separators=(",", ":"))
        is_sqlite = self.rig.customers.url.get_secret_value().startswith("sqlite")
        # In the form in which the sync keeps them; SQLite compares them as text.
        self.change([customer_id], options=type_coerce(whole, Text) if is_sqlite else cast(literal(whole, Text), JSONB))

    def enter(self, customer_ids: Iterable[int]) -> int:
        """Let customers reach the step."""
        opened = self.rig.customers.open()
        with opened.transaction() as connection:
            entered = enter_campaign(connection, CAMPAIGN, customer_ids, datetime.now(UTC))
        opened.close()
        return entered

    def enter_changed(self, number: int, **values: Any) -> list[int]:
        """Change so many customers alike and let them reach the step."""
        ids = [row["id"] for row in self.people()[:number]]
        self.change(ids, **(values or {"job_title": "Navigator"}))
        self.enter(ids)
        return ids

    def record(self, customer_id: int) -> Row:
        """Return the source record of a customer, as Salesforce has it."""
        row = self.customer(customer_id)
        return next(one for one in self.rig.people(row["salesforce_object"]) if one["Id"] == row["salesforce_id"])

    def have_opted_out(self, customer_ids: Iterable[int]) -> bool:
        """Return whether Salesforce holds the opt-out of all these customers, on one record of their address."""
        every = [*self.rig.people(SObject.CONTACT), *self.rig.people(SObject.LEAD)]
        at_no = {
            str(row["Email"]).strip().lower() for row in every if row["HasOptedOutOfEmail"] and not row["IsDeleted"]
        }
        return at_no >= {self.customer(one)["unique_key"] for one in customer_ids}

    def outputs(self) -> list[Row]:
        """Return the stored outputs, oldest first."""
        return sorted(self.rig.rows(campaign_output), key=lambda row: int(row["id"]))

    def waiting(self) -> list[Row]:
        """Return the members that wait in the queue."""
        return [row for row in self.rig.rows(campaign_member) if row["done_at"] is None]

    def execute(self, statement: Any) -> None:
        """Do something to the customer database."""
        engine = create_engine(parse_url(self.rig.customers.url.get_secret_value()))
        with engine.begin() as connection:
            connection.execute(statement)
        engine.dispose()

    def truncate(self, table: Table) -> None:
        """Empty a table."""
        self.execute(table.delete())

    def agree(self, ids: list[int], title: str = "Navigator") -> bool:
        """Return whether exactly those records hold the title whose customers' last output is success."""
        last = {row["customer_id"]: row["output"] for row in self.outputs()}
        members = [row["member_id"] for row in self.outputs()]
        titles = {row["Id"]: row["Title"] for row in self.rig.people("Contact")}
        records = {row["id"]: row["salesforce_id"] for row in self.rig.rows(customer)}
        written = {one for one in ids if titles[records[one]] == title}
        return len(members) == len(set(members)) and written == {one for one in ids if last.get(one) == "success"}


def synced_with_options(rig: Rig) -> None:
    """Prepare a synced org whose customers have option fields of several types."""
    rig.mapping = wide_mapping()
    rig.sync()


def ready_pushes(rig: Rig) -> None:
    """Prepare a synced org whose fields are known."""
    rig.sync()
    started = Pushes(rig)
    started.enter_changed(1, job_title="First")
    started.push()


@contextmanager
def start_pushes(
    folder: Path, url: str, prepare: Callable[[Rig], object] = ready_pushes, people: int = PEOPLE
) -> Iterator[Pushes]:
    """Give pushes to an org that was prepared once in the session."""
    with start_rig(folder, url, people, prepare) as rig:
        yield Pushes(rig)


def holds(result: PushResult) -> bool:
    """Return whether the outputs are disjoint and together all that continue."""
    parts = (result.success, result.error, result.limit)
    return sum(map(len, parts)) == len(result.continued) and result.continued == frozenset().union(*parts)

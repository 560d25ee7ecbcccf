"""Takes back what a run changed in the customer database: which customers, which fields."""

from contextlib import closing

from prefect import runtime

from blocks.customer_database import CustomerDatabase
from blocks.load import load_block
from tasks.pages.undo import publish_runs, publish_undo
from tasks.run.ending import end_in_a_sentence
from tasks.run.flow import Number, flow
from tasks.safety.undo import list_runs, take_back


def _run_name() -> str:
    given = runtime.flow_run.parameters
    if not given.get("run"):
        return "runs that can be taken back"
    return f"undo of run {given['run']}" + (", dry run" if given.get("dry_run", True) else "")


@flow(name="undo_run", flow_run_name=_run_name)
def undo_run(
    run: Number | None = None,
    customers: list[Number] = [],  # noqa: B006  # the form shows it; never changed
    fields: list[str] = [],  # noqa: B006  # as above
    *,
    dry_run: bool = True,
    database: CustomerDatabase | str = "customers",
) -> str:
    """Let customers have the values again that they had before a run; a no that was said since then stands.

    A value that was changed again later stays as it is. No request is made, and nothing changes in Salesforce.

    Args:
        run: Number of the run. Leave it empty for a page of the runs that can be taken back.
        customers: Only these customers, by their numbers in the customer database; all of the run when empty.
        fields: Only these customer fields, such as city; an option field as "option name"; all when empty.
        dry_run: Show which customers and fields would change, and write nothing.
        database: Customer database, a saved block or its name.
    """

    def work() -> str:
        with closing(load_block(CustomerDatabase, database).open()) as opened:
            if not run:
                return publish_runs(list_runs(opened))
            plan = take_back(opened, run, customers, fields, dry_run=dry_run)
        return publish_undo(run, plan, dry_run=dry_run)

    return end_in_a_sentence(work)

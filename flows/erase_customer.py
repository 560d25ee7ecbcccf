"""Erases one person from the customer database, and sees to it that no sync brings the person back unnoticed."""

from contextlib import closing
from importlib import import_module

from blocks.customer_database import CustomerDatabase
from blocks.deployteq_account import DeployteqAccount
from blocks.load import load_block
from tasks.pages.erasure import publish_erasure
from tasks.run.ending import end_in_a_sentence
from tasks.run.flow import flow
from tasks.safety.erase import erase_person


@flow(name="erase_customer", flow_run_name="erasure of one person")
def erase_customer(
    who: str,
    *,
    dry_run: bool = False,
    also_in_deployteq: bool = False,
    database: CustomerDatabase | str = "customers",
    account: DeployteqAccount | str = "deployteq",
) -> str:
    """Erase a person: customer, records, moments, outputs, queue and old values. It cannot be undone.

    The page says what is left in Salesforce and in Prefect. No request is made, but to Deployteq on demand.

    Args:
        who: The customer's number in the customer database, or the Id of a lead or contact. An e-mail address does
            too, but Prefect keeps what you fill in with the run.
        dry_run: Show how many rows would go, and erase nothing.
        also_in_deployteq: Delete the person's customers in Deployteq too, before anything is erased here.
        database: Customer database, a saved block or its name.
        account: Deployteq account, a saved block or its name; only looked at for the box above.
    """

    def work() -> str:
        with closing(load_block(CustomerDatabase, database).open()) as customers:
            deleted = None
            if also_in_deployteq:
                # Without an account nothing of the exchange is imported.
                delete = import_module("tasks.exchange.erasure").delete_in_deployteq
                deleted = delete(customers, who, account, dry_run=dry_run)
            erased, host = erase_person(customers, who, dry_run=dry_run)
        return publish_erasure(erased, host, dry_run=dry_run, deleted=deleted)

    return end_in_a_sentence(work)

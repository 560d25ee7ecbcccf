"""Erases one person from the customer database, and sees to it that no sync brings the person back unnoticed."""

from contextlib import closing

from blocks.customer_database import CustomerDatabase
from blocks.load import load_block
from tasks.pages.erasure import publish_erasure
from tasks.run.ending import end_in_a_sentence
from tasks.run.flow import flow
from tasks.safety.erase import erase_person


@flow(name="erase_customer", flow_run_name="erasure of one person")
def erase_customer(who: str, *, dry_run: bool = False, database: CustomerDatabase | str = "customers") -> str:
    """Erase a person: customer, records, moments, outputs, queue and old values. It cannot be undone.

    The page says what is left in Salesforce and in Prefect. No request is made.

    Args:
        who: The customer's number in the customer database, or the Id of a lead or contact. An e-mail address does
            too, but Prefect keeps what you fill in with the run.
        dry_run: Show how many rows would go, and erase nothing.
        database: Customer database, a saved block or its name.
    """

    def work() -> str:
        with closing(load_block(CustomerDatabase, database).open()) as customers:
            erased, host = erase_person(customers, who, dry_run=dry_run)
        return publish_erasure(erased, host, dry_run=dry_run)

    return end_in_a_sentence(work)

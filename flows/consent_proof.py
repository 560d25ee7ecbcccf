"""Shows the consent of one person: who said what when, when it was seen, and where it was delivered when."""

from contextlib import closing

from blocks.customer_database import CustomerDatabase
from blocks.load import load_block
from crm_sync.consent.proof_store import read_chain
from tasks.pages.consent import publish_proof
from tasks.run.ending import end_in_a_sentence
from tasks.run.flow import flow


@flow(name="consent_proof", flow_run_name="consent of one person")
def consent_proof(who: str, database: CustomerDatabase | str = "customers") -> str:
    """Show the consent of one person on a page: what was said, what stands, what Salesforce holds; no request is made.

    Args:
        who: The person's e-mail address, or the Id of a lead or contact. Prefect keeps what you fill in with the run,
            so take the Id where there is one.
        database: Customer database, a saved block or its name.
    """

    def show() -> str:
        with closing(load_block(CustomerDatabase, database).open()) as customers, customers.transaction() as connection:
            chain = read_chain(connection, customers.hashes, who)
        return publish_proof(chain)

    return end_in_a_sentence(show)

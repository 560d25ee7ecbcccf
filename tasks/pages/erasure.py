"""The page of an erasure: how many rows went, and what is left elsewhere."""

from crm_sync.erasure.person_store import Erased
from crm_sync.runs.counts import counted
from tasks.pages.markdown import Markdown, bullets, heading, links, publish_page, table

# What the rows of each table are, to a person.
WORDS = {
    "campaign_member": "places in campaigns",
    "campaign_output": "outputs of campaigns",
    "consent_delivery": "words on consent for Salesforce",
    "contact_moment": "contact moments",
    "customer": "customers",
    "customer_history": "values from before earlier runs",
    "deployteq_conflict": "conflicts with Deployteq",
    "deployteq_customer": "copies of the person's customer in Deployteq",
    "deployteq_pending": "customers on their way to Deployteq",
    "held_record": "records held back",
    "moment_export": "notes on exported contact moments",
    "rejected_record": "records that could not be used",
    "salesforce_record": "copies of leads and contacts",
}

_SHOWN = 20


def publish_erasure(erased: Erased, host: str, *, dry_run: bool, deleted: int | None = None) -> str:
    """Leave the page, without anything of the person but links to records, and return its sentence.

    `deleted`: how many customers were deleted in Deployteq, where that was asked for.
    """
    number = counted(sum(erased.rows.values()), "row")
    left = f"{counted(len(erased.records), 'record')} of the person" if erased.records else "nothing"
    sentence = f"{number} {'would be' if dry_run else 'were'} erased; in Salesforce {left} stays."
    there = "In Deployteq, where an account is connected: the person's customer there."
    if deleted is not None:
        sentence += f" {'To be deleted' if dry_run else 'Deleted'} in Deployteq: {counted(deleted, 'customer')}."
        there = "In Deployteq: what was never read from there, such as a customer with another address."
    if erased.undelivered:
        sentence += f" {counted(erased.undelivered, 'no')} had not reached Salesforce: opt the person out there."
    publish_page(
        "erase-customer",
        "Erasure of one person",
        sentence,
        table(("what", "rows"), [(WORDS[name], rows) for name, rows in erased.rows.items() if rows]),
        heading("What is left"),
        bullets(
            [
                Markdown(
                    f"In Salesforce: {links(host, erased.records) if erased.records else 'nothing that is known'}."
                ),
                *_named_by(erased.named_by),
                there,
                "In Prefect: runs that were given the person's address or number (campaign-push, consent-proof, this "
                "one), and pages of dry runs that showed values; delete those runs in the UI.",
                "In backups of both databases, and in free space of their files, until they are overwritten (VACUUM "
                "clears a file).",
                "Here: keyed hashes of addresses and record Ids, by which a record that comes again is passed over and "
                "counted; and the ledger of consent: who said no where (with the Ids of records) under the hash of the "
                "address.",
            ]
        ),
    )
    return sentence


def _named_by(customers: tuple[int, ...]) -> list[str]:
    if not customers:
        return []
    some = ", ".join(map(str, customers[:_SHOWN])) + (", …" if len(customers) > _SHOWN else "")
    return [
        f"Here, as the second e-mail address of {counted(len(customers), 'other customer')} (number {some}): take it "
        "out in Salesforce, where it comes from."
    ]

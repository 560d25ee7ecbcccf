"""Deleting a person in Deployteq, before the person is erased here."""

from prefect import task

from blocks.deployteq_account import DeployteqAccount
from blocks.load import load_block
from crm_sync.database.engine import CustomerDatabase
from crm_sync.erasure.person_store import find_person, numbers_in_deployteq
from crm_sync.errors import DeployteqDownError, DeployteqRefusedError, DeployteqUnavailableError
from crm_sync.exchange.erasure import delete_there
from tasks.exchange.opening import open_account
from tasks.run.retry_policy import TALKS_TO_SALESFORCE


@task(task_run_name="delete one person in Deployteq", **TALKS_TO_SALESFORCE)
def delete_in_deployteq(database: CustomerDatabase, who: str, account: DeployteqAccount | str, *, dry_run: bool) -> int:
    """Delete the person's customers in Deployteq, and return how many they are; a dry run keeps them."""
    block = load_block(DeployteqAccount, account)
    with database.transaction() as connection:
        numbers = numbers_in_deployteq(connection, find_person(connection, database.hashes, who), block.brand)
    if not numbers or dry_run:
        return len(numbers)
    try:
        with open_account(database, block, "erase_customer") as opened:
            delete_there(opened, numbers)
    except (DeployteqDownError, DeployteqRefusedError, DeployteqUnavailableError) as problem:
        # No schedule repeats it.
        raise type(problem)(
            f"Nothing was erased here, and in Deployteq not all of the person: run it again, with the box ticked. "
            f"{problem}",
            code=problem.code,
        ) from None
    return len(numbers)

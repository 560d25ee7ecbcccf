"""Who takes part in the demo: a second one in the same folder has as many people as the first."""

from contextlib import closing

import pytest

from deployments.demo.customers import change_customers, choose_contacts
from tests.rigs.org import Rig

pytestmark = pytest.mark.flow


def test_second_demo_takes_others_and_as_many(synced: Rig) -> None:
    with closing(synced.customers.open()) as database, database.transaction() as connection:
        first = choose_contacts(connection, 10, without_title="Guest")
        change_customers(connection, list(first), synced.clock(), job_title="Guest")
        second = choose_contacts(connection, 10, without_title="Guest")

    assert len(first) == len(second) == 10
    assert not set(first) & set(second)

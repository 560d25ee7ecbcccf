"""A Deployteq brand on this machine."""

from collections.abc import Iterator

import pytest

from standins.deployteq.brand import Brand
from standins.deployteq.people import People
from standins.deployteq.server import Server

TOKEN = "1f0c-planted-token"


@pytest.fixture
def brand() -> Brand:
    """A brand with the option fields that a delivery uses, and an outbox group."""
    made = Brand(TOKEN, option_fields={"salesforce_customer", "salesforce_id", "salesforce_first_delivery"})
    made.outbox = made.make_group("outbox")
    return made


@pytest.fixture
def people(brand: Brand) -> People:
    """The people of the brand."""
    return People(brand)


@pytest.fixture
def deployteq(brand: Brand) -> Iterator[Server]:
    """The brand on a socket."""
    with Server(brand) as server:
        yield server

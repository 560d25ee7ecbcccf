"""Orgs with moments to export."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs.moments import BULKY, MomentRig, two_known_people


@pytest.fixture
def org(tmp_path: Path, sqlite_url: str) -> Iterator[MomentRig]:
    """Give an org with a lead, ada, and a contact, grace, who are customers here."""
    with two_known_people(tmp_path, sqlite_url) as rig:
        yield rig


@pytest.fixture
def many(org: MomentRig) -> MomentRig:
    """Give three requests' worth of moments of the lead."""
    org.record_many(2_500, "ada")
    return org


@pytest.fixture
def bulky(org: MomentRig) -> MomentRig:
    """Give so many moments of the contact that they go by a Bulk job."""
    org.record_many(BULKY, "grace")
    return org

"""What a check of the connection tells a person, without touching anything."""

import pytest
from pydantic import SecretStr

from crm_sync.database.tables.customers import customer, sync_run
from crm_sync.errors import AuthenticationError
from crm_sync.sobject import SObject
from flows.check_connection import check_connection
from flows.full_sync import full_sync
from tests.rigs.org import PASSWORD, Rig, artifact

pytestmark = pytest.mark.flow


def test_check_tells_who_where_and_how_much(rig: Rig) -> None:
    rig.sync()
    rig.org.settings.used_elsewhere = 40_000
    rig.org.journal.clear()

    report = check_connection(**rig.blocks())

    assert report.identity.organization_name == rig.org.settings.organization_name
    assert report.identity.user == rig.salesforce.username
    assert report.customers == len(rig.rows(customer))
    for sobject in SObject:
        assert report.records[sobject] == sum(not person["IsDeleted"] for person in rig.people(sobject))
    assert report.requests_used == len(rig.org.requests) < 10
    assert report.daily_requests == rig.org.settings.daily_limit
    assert report.daily_requests_left is not None
    assert report.daily_requests_left < rig.org.settings.daily_limit - 40_000
    assert (report.missing, report.state) == ([], "Completed")
    page = artifact("connection")
    for told in (report.sentence(), report.identity.organization_name, f"{report.customers:,} customers", "email"):
        assert told in page
    assert [row["state"] for row in rig.rows(sync_run) if row["flow"] == "check_connection"] == ["Completed"]
    assert not {"bulk_jobs", "bulk_results"} & set(rig.requests())


def test_check_tells_which_fields_are_missing(rig: Rig) -> None:
    rig.org.hide_fields("Lead", "Company")

    state = check_connection(**rig.blocks(), return_state=True)

    assert state.name == "CompletedWithMissingFields"
    assert "Lead.Company" in str(state.message)
    assert "| Lead | Company | ? |" in artifact("connection")
    assert rig.rows(customer) == []


def test_check_of_a_wrong_password_is_one_sentence(rig: Rig) -> None:
    rig.org.settings.password = "changed-since"

    state = check_connection(**rig.blocks(), return_state=True)

    assert isinstance(state.result(raise_on_failure=False), AuthenticationError)
    assert (state.name, state.is_failed()) == ("Failed", True)


def test_a_session_that_is_kept_lets_no_other_password_in(rig: Rig) -> None:
    rig.sync()
    typed = rig.salesforce.model_copy(update={"password": SecretStr("wrong-and-typed")})
    blocks = rig.blocks() | {"salesforce": typed}
    with pytest.raises(AuthenticationError, match="password or security token is wrong"):
        check_connection(**blocks)
    with pytest.raises(AuthenticationError, match="password or security token is wrong"):
        full_sync(**blocks)
    assert check_connection(**rig.blocks()).fields


def test_refused_login_is_left_alone_until_a_person_checks(rig: Rig) -> None:
    rig.org.settings.password = "changed-since"
    for _ in range(2):
        with pytest.raises(AuthenticationError, match="password or security token is wrong"):
            rig.sync()
    assert rig.requests() == ["login"]

    check_connection(**rig.blocks(), return_state=True)
    assert rig.requests() == ["login", "login"]

    rig.org.settings.password = PASSWORD
    assert check_connection(**rig.blocks()).fields
    assert rig.sync().total.inserted

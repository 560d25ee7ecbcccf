"""Before anything else: whether the credentials lead to the org that the customer database belongs to."""

from contextlib import suppress
from urllib.parse import urlsplit

from prefect import task

from crm_sync.database.engine import CustomerDatabase
from crm_sync.errors import AuthenticationError, AuthorizationError, LimitReachedError, QueryError, RetriableError
from crm_sync.organisation.bound_store import Organisation, OtherOrg, read_bound, refuse_other
from crm_sync.salesforce.login.logins import Session
from crm_sync.salesforce.login.organisation import organisation_of
from crm_sync.salesforce.org import SalesforceOrg
from tasks.run.retry_policy import TALKS_TO_SALESFORCE

# What keeps Salesforce from answering, and nobody else from working on.
AWAY = (RetriableError, AuthenticationError, AuthorizationError, QueryError)


class OrgGuard:
    """Refuses every session of another org than the one that the database belongs to, before it is used."""

    def __init__(self, database: CustomerDatabase, other_org: OtherOrg) -> None:
        """Look up which org that is; nothing is refused where a person has said what the other one is."""
        with database.transaction() as connection:
            self._bound = read_bound(connection)
        self._refuses = other_org is OtherOrg.REFUSE

    @property
    def is_bound(self) -> bool:
        """Whether the database belongs to an org yet."""
        return self._bound is not None

    def __call__(self, session: Session) -> None:
        """Raise ConfigurationError for a session of another org."""
        if self._refuses:
            refuse_other(self._bound, organisation_behind(session))


def recognise_org(org: SalesforceOrg, *, while_closed: bool, while_away: bool = False) -> None:
    """Have the org's guard look at the session; without a kept one, log in.

    Where no login is possible for a limit, or in an outage, a flow that works on without one meets the guard with its
    session.
    """
    if org.use_kept_session():
        return
    closed = [LimitReachedError] if while_closed else []
    with suppress(*closed, *(AWAY if while_away else ())):
        log_in(org)


@task(task_run_name="log in", **TALKS_TO_SALESFORCE)
def log_in(org: SalesforceOrg) -> None:
    """Get a session, which all runs of the user share."""
    org.session  # noqa: B018  # it logs in where there is none


def organisation_behind(session: Session) -> Organisation:
    """Return the org that a session is of."""
    known = session.organisation_id or organisation_of(session.session_id)
    return Organisation(known, session.organisation_name, urlsplit(session.instance_url).netloc)

"""Every exception of ours, grouped by what the caller does.

SyncError                       its text is one sentence for the person who reads it
├── ConfigurationError          change a setting, do not retry; raised before any record is touched
│   ├── MappingError            an impossible link: unknown field, no unique field, two of them
│   ├── NobodyWaitsError        nothing is known under a name that a person typed, or nobody meets a selection
│   ├── AddressMovedError       the org answers from elsewhere: a kept session's address is out of date
│   └── ApiVersionError         the org does not have the API version that it was asked with
├── RetriableError              the task tries again; nothing was committed in this attempt
│   ├── SalesforceUnavailableError  5xx, timeout, reset connection, truncated answer, HTML where JSON is due
│   │   └── UnreachableError    nobody answers at this address, or no Salesforce does
│   ├── DeployteqUnavailableError  the same of Deployteq
│   ├── RowLockedError          UNABLE_TO_LOCK_ROW
│   ├── PrefectBusyError        Prefect's server cannot give a turn at this moment
│   └── ConcurrencyLimitError   too many long calls at once: a short wait, not the daily limit
├── LimitReachedError           stop sending, keep the checkpoint; the next run goes on
│   ├── LoginLimitError         too many logins: only logging in has to wait
│   ├── JobLimitError           it ended a Bulk job: the next run needs another one
│   └── UnknownOutcomeError     Salesforce got records and gave no answer: the next run finds out
├── PersonNeededError           the work is done as far as it may be; the rest waits for a person
├── DeployteqRefusedError       Deployteq refused a call, with its number or word: who made the call decides
├── DeployteqDownError          Deployteq did not answer several times in a row: nothing is sent for a while
├── SessionExpiredError         log in again, once
├── JobGoneError                the Bulk job or its results have expired: read that object again
└── FatalError                  end the run as failed
    ├── DatabaseUnavailableError  the customer database does not answer, is full, locked or read-only
    ├── AuthenticationError     Salesforce refused the login
    ├── AuthorizationError      the user lacks a permission
    ├── QueryError              Salesforce refused the query
    │   ├── UnknownFieldError   it names a field that Salesforce does not show: describe again, leave it out
    │   └── UnknownObjectError  it names an object that Salesforce does not show, or an address that it does not have
    ├── RequestTooLargeError    Salesforce takes no request of this size: send it in parts
    ├── AnswerTooLargeError     the answer is larger than is taken at once: ask for it in parts
    ├── JobFailedError          Salesforce failed or aborted the Bulk job
    └── PaginationError         the same locator twice
"""

from datetime import datetime


class SyncError(Exception):
    """One sentence for the person who reads it: what happened, to which object, and what to do."""

    def __init__(self, message: str, *, code: str | None = None) -> None:
        """Keep Salesforce's own error `code` beside the sentence, when there is one."""
        super().__init__(message)
        self.code = code


class ConfigurationError(SyncError):
    """A setting has to change before this can work."""


class MappingError(ConfigurationError):
    """A data mapping that contradicts itself or Salesforce's describe."""


class NobodyWaitsError(ConfigurationError):
    """There is nobody to push: a name is misspelt, or a selection leads to no customer."""


class AddressMovedError(ConfigurationError):
    """Salesforce answers that the org is elsewhere."""


class ApiVersionError(ConfigurationError):
    """The org does not have this version of the API."""


class RetriableError(SyncError):
    """The same request may succeed a little later."""


class SalesforceUnavailableError(RetriableError):
    """Salesforce gave no complete, readable answer."""


class UnreachableError(SalesforceUnavailableError):
    """No Salesforce answers at this address."""


class DeployteqUnavailableError(RetriableError):
    """Deployteq gave no complete, readable answer; a call that writes may have been carried out."""


class RowLockedError(RetriableError):
    """Another transaction in Salesforce holds the record."""


class PrefectBusyError(RetriableError):
    """Prefect's server cannot write at this moment."""


class ConcurrencyLimitError(RetriableError):
    """Too many long-running calls at once in the org."""


class LimitReachedError(SyncError):
    """The request budget of the hour or of the day is used up."""

    def __init__(self, message: str, *, code: str | None = None, until: datetime | None = None) -> None:
        """Keep `until`, the moment from which requests are possible again, when it is known."""
        super().__init__(message, code=code)
        self.until = until


class LoginLimitError(LimitReachedError):
    """Salesforce counts too many logins of this user in the last hour."""


class JobLimitError(LimitReachedError):
    """Salesforce ended a Bulk job because a limit was reached."""


class UnknownOutcomeError(LimitReachedError):
    """A limit was reached after Salesforce got records and before it answered."""


class PersonNeededError(SyncError):
    """The run did what it may do by itself; what is left waits until a person has looked."""


class DeployteqRefusedError(SyncError):
    """Deployteq refused a call; `code` is the number of its fault, or a word where it has none."""


class DeployteqDownError(SyncError):
    """Deployteq did not answer several times in a row, so that nothing is sent to it for a while."""


class SessionExpiredError(SyncError):
    """The session id is no longer accepted."""


class JobGoneError(SyncError):
    """A Bulk job that Salesforce no longer knows."""


class FatalError(SyncError):
    """The run cannot go on, and trying again changes nothing."""


class DatabaseUnavailableError(FatalError):
    """The customer database, or a disk that it needs, does not do its part; no setting is wrong."""


class AuthenticationError(FatalError):
    """Salesforce refused the login."""


class AuthorizationError(FatalError):
    """The integration user lacks a permission."""


class QueryError(FatalError):
    """Salesforce refused the query."""


class UnknownFieldError(QueryError):
    """A query names a field that Salesforce does not show, or shows no longer."""


class UnknownObjectError(QueryError):
    """A request names an object that Salesforce does not show, or an address that it does not have."""


class RequestTooLargeError(FatalError):
    """Salesforce takes no request of this size."""


class AnswerTooLargeError(FatalError):
    """Salesforce's answer is larger than is taken at once."""

    def __init__(self, message: str, *, asked_at: datetime | None) -> None:
        """Keep a moment that is not after the one at which Salesforce answered, by its own clock."""
        super().__init__(message)
        self.asked_at = asked_at


class JobFailedError(FatalError):
    """Salesforce ended a Bulk job without a result."""


class PaginationError(FatalError):
    """Salesforce answered with a locator it had given before."""

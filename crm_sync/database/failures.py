"""One sentence for each way in which the customer database fails; a driver's own words may hold what it was given."""

import re
import sqlite3
from dataclasses import dataclass

import psycopg
from alembic.util import CommandError

from crm_sync.errors import ConfigurationError, DatabaseUnavailableError, SyncError

EXAMPLES = "for example sqlite:///customers.db or postgresql://user:password@host/database"


@dataclass(frozen=True)
class _Failure:
    """How it is known, by the driver's words; what is said; whether a setting has to change."""

    words: str
    sentence: str
    is_setting: bool = False


_CHECK = "check the URL in the customer database block"
_FAILURES = (
    _Failure("database is locked|table is locked", "is locked by another program; let that end, then run this again"),
    _Failure(
        "disk is full|no space left|disk quota|could not extend",
        "has no room left: its disk is full; make room, then run this again",
    ),
    _Failure(
        "readonly database|read-only transaction|permission denied|must be owner|insufficient privilege",
        "may only be read; give the user of this program the right to write it, or its folder, then run this again",
    ),
    _Failure("unable to open database file", "cannot be made or opened; see that its folder is there and writable"),
    _Failure("not a database|malformed|file is encrypted", f"is no SQLite database, or damaged; {_CHECK}", True),
    _Failure("disk i/o error", "cannot be read or written (disk I/O error); see to the disk, then run this again"),
    _Failure(
        "password authentication failed|no password supplied|pg_hba.conf|role .* does not exist|no such user",
        f"refuses the user or the password; {_CHECK}",
        True,
    ),
    _Failure("database .* does not exist|no such database", f"is not there; make it, or {_CHECK}", True),
    _Failure(
        "could not translate host|name or service not known|failed to resolve|nodename nor servname|failure in name",
        f"has a host that nobody knows; {_CHECK}",
        True,
    ),
    _Failure(
        "connection refused|timeout expired|timed out|no route to host|network is unreachable|no such file"
        "|server_login_retry|cannot connect to server|connect failed",
        "does not answer; see that PostgreSQL is running there and can be reached",
    ),
    _Failure(
        "starting up|shutting down|terminating connection|server closed the connection|connection .*(lost|closed)"
        "|administrator command|recovery mode|reset by peer|server conn crashed|(idle|query|transaction)_timeout",
        "has ended the connection; when it is running again, run this again",
    ),
    _Failure(
        "prepared statement",
        "is behind a pooler, such as PgBouncer, that mixes up prepared statements of several programs; let it pool by "
        "session or know prepared statements (max_prepared_statements), then run this again",
    ),
    _Failure(
        "unsupported startup parameter|invalid connection option|invalid uri query parameter",
        "does not take a setting in the URL: take it out, or let the pooler that stands between ignore it "
        "(ignore_startup_parameters)",
        True,
    ),
    _Failure(
        "query_wait_timeout",
        "is behind a pooler, such as PgBouncer, that has had no connection to it for too long; see that PostgreSQL is "
        "running and that the pooler may open enough connections, then run this again",
    ),
    _Failure(
        "too many (clients|connections)|remaining connection slots|no more connections",
        "takes no more connections; allow it more, in the pooler too if there is one",
    ),
    _Failure("can't locate revision", "was made by a newer version of this project; update the project, then run this"),
)
_UNKNOWN_OPEN = _Failure("", f"does not open ({{kind}}); {_CHECK}, {EXAMPLES}", True)
_UNKNOWN_WORK = _Failure("", "did not take the work ({kind}); see its own log")
# What these say of a value that does not fit holds the value.
_ABOUT_THE_DATABASE = (
    OSError, CommandError, psycopg.OperationalError, psycopg.errors.InsufficientPrivilege,
    psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.DuplicatePreparedStatement,
    psycopg.errors.InvalidSqlStatementName, sqlite3.OperationalError,
)  # fmt: skip


def failure_at_opening(problem: BaseException, where: str) -> SyncError:
    """Return the error to raise: ConfigurationError when a setting is wrong, else DatabaseUnavailableError."""
    return _as_error(problem, f"The customer database {where}", _UNKNOWN_OPEN)


def failure_at_work(problem: BaseException, where: str) -> SyncError:
    """Return the error to raise for a transaction, of which nothing is kept."""
    failure = _as_error(problem, f"The customer database {where}", _UNKNOWN_WORK)
    return DatabaseUnavailableError(f"{str(failure).removesuffix('.')}; nothing of this step was kept.")


def _as_error(problem: BaseException, who: str, unknown: _Failure) -> SyncError:
    cause = getattr(problem, "orig", None) or problem
    found = unknown
    # SQLite's own class for a file that is no database, and psycopg's for a URL, are the ones above all others.
    if isinstance(cause, _ABOUT_THE_DATABASE) or type(cause) in {sqlite3.DatabaseError, psycopg.ProgrammingError}:
        said = " ".join(str(cause).lower().split())
        found = next((failure for failure in _FAILURES if re.search(failure.words, said)), unknown)
    kind = getattr(cause, "sqlite_errorname", None) or type(cause).__name__
    sentence = f"{who} {found.sentence.format(kind=kind)}."
    return ConfigurationError(sentence) if found.is_setting else DatabaseUnavailableError(sentence)

"""The pause after refused credentials: after some wrong passwords Salesforce locks the user out.

Rule: Setup > Password Policies, "Maximum invalid login attempts": 3, 5 or 10, whatever the time between them.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from crm_sync.errors import AuthenticationError
from crm_sync.salesforce.login.logins import Login

FIRST_PAUSE = timedelta(minutes=15)
LONGEST_PAUSE = timedelta(days=1)
# Other refusals are not counted by Salesforce, so trying again does no harm.
_COUNTED = {"INVALID_LOGIN", "PASSWORD_LOCKOUT"}


@dataclass(frozen=True)
class RefusedLogin:
    """Credentials that Salesforce refused, by their fingerprint, and the moment from which they are tried again."""

    fingerprint: str = field(repr=False)
    pause: timedelta
    until: datetime
    sentence: str
    code: str

    def stops(self, login: Login, now: datetime) -> AuthenticationError | None:
        """Return the error while these very credentials have to wait; changed ones need not."""
        if self.fingerprint != login.fingerprint or now >= self.until:
            return None
        return AuthenticationError(
            f"{self.sentence.removesuffix('.')}; so as not to lock the user out, the same are tried again after "
            f"{self.until:%Y-%m-%d %H:%M} UTC, or by check_connection.",
            code=self.code,
        )


def refused_again(
    before: RefusedLogin | None, login: Login, error: AuthenticationError, now: datetime
) -> RefusedLogin | None:
    """Return the refused login with its pause, twice as long each time; None when a repetition does no harm."""
    if error.code not in _COUNTED:
        return None
    same = before if before and before.fingerprint == login.fingerprint else None
    pause = min(2 * same.pause, LONGEST_PAUSE) if same else FIRST_PAUSE
    return RefusedLogin(login.fingerprint, pause, now + pause, str(error), error.code)

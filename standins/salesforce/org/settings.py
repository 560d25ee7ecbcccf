"""The org's settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True)
class ConnectedApp:
    """An app that may log in with OAuth: its secret, and the public key (PEM) of its certificate."""

    secret: str = "demo-consumer-secret"  # noqa: S105 - invented, for a server on loopback
    public_key: str | None = None


@dataclass
class OrgSettings:
    """The org's user, limits and behaviour; a test may change them at any time."""

    username: str = "integration@demo.example"
    password: str = "demo-password"  # noqa: S105 - invented, for a server on loopback
    security_token: str = "demoToken"  # noqa: S105 - invented
    user_full_name: str = "Integration User"
    organization_name: str = "Demo Org"
    # Of the org's Id; read when the org is made.
    organization_number: int = 1
    sandbox: bool = False
    apps: Mapping[str, ConnectedApp] = field(default_factory=lambda: {"demo-consumer-key": ConnectedApp()})

    soap_login_enabled: bool = True
    soap_login_last_version: float = 64.0
    oldest_version: float = 31.0
    newest_version: float = 68.0
    api_disabled: bool = False
    may_use_any_api_auth: bool = True
    views_encrypted_data: bool = True
    lockout_after: int = 10
    logins_per_hour: int = 3600
    session_lifetime: timedelta = timedelta(seconds=7200)

    daily_limit: int = 100_000
    used_elsewhere: int = 0
    hourly_limit: int | None = None
    hour: timedelta = timedelta(hours=1)
    block_for: timedelta = timedelta(hours=4)

    # The owner that an active assignment rule gives to each lead written without "Sforce-Auto-Assign: FALSE".
    leads_are_assigned_to: str | None = None

    # How many records of one call the org's triggers and flows take; and what they say of more.
    triggers_take: int | None = None
    triggers_refuse_with: str = "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
    triggers_say: str = "Sync: System.LimitException: Apex CPU time limit exceeded"

    # Bytes of a request, apart from CSV and files.
    longest_body: int = 50_000_000
    page_size: int = 2000
    max_cursors: int = 50
    cursors_show_changes: bool = False
    bulk_polls: int = 1
    deployment_polls: int = 1
    bulk_max_records: int = 250_000
    # The character set of the results of Bulk queries, as some orgs have another one.
    bulk_charset: str = "UTF-8"
    bulk_too_early_status: int = 412
    bulk_jobs_per_day: int = 10_000
    bulk_job_lifetime: timedelta = timedelta(days=7)

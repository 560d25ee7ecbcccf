"""The tables of the request budget, beside the ledger: orgs, their last usage, settings, breakers, alerts."""

from sqlalchemy import Boolean, Column, Integer, Table, Text

from crm_sync.database.tables.customers import JSON_OBJECT, Instant, metadata

# Which org credentials lead to; without a row, no session has shown it yet.
org_name = Table(
    "org_name",
    metadata,
    Column("key", Text, primary_key=True),
    Column("org", Text, nullable=False),
)

# The settings that were last used with a saved block, so that they count where that block is not there.
budget_setting = Table(
    "budget_setting",
    metadata,
    Column("org", Text, primary_key=True),
    Column("rules", JSON_OBJECT, nullable=False),
)

org_use = Table(
    "org_use",
    metadata,
    Column("org", Text, primary_key=True),
    Column("used", Integer, nullable=False),
    Column("allowed", Integer, nullable=False),
    Column("app_used", Integer),
    Column("app_allowed", Integer),
    Column("is_bursting", Boolean, nullable=False),
    Column("seen_at", Instant, nullable=False),
)

# A row is a closed breaker; without one, requests pass.
breaker = Table(
    "breaker",
    metadata,
    Column("org", Text, primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("closed_at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("code", Text),
    # Who may try whether Salesforce takes requests again; empty once the one request is on its way.
    Column("prober", Text),
    Column("probe_until", Instant),
)

# How many records at once the org's own triggers and flows were found to take, where that is fewer than usual.
org_write_size = Table(
    "org_write_size",
    metadata,
    Column("org", Text, primary_key=True),
    Column("records", Integer, nullable=False),
    Column("found_at", Instant, nullable=False),
)

backlog = Table(
    "backlog",
    metadata,
    Column("org", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("waiting", Integer, nullable=False),
    # How often in a row there was more than the time before.
    Column("grew", Integer, nullable=False),
    Column("at", Instant, nullable=False),
)

# A row is an alert that is on.
alert = Table(
    "alert",
    metadata,
    Column("org", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("since", Instant, nullable=False),
)

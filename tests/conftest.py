"""Where the fixtures and hooks are that every test may use."""

# In this order: a module is to be imported as a plugin before another one imports it.
pytest_plugins = [
    "tests.rigs.shared",
    "tests.rigs.selection",
    "tests.rigs.compiled",
    "tests.rigs.databases",
    "tests.rigs.prefect_server",
    "tests.rigs.org",
    "tests.rigs.drips",
    "tests.rigs.flow_runs",
    "tests.rigs.story",
]

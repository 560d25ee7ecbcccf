"""A Prefect server that a program asks: what is said when it does not answer, or does not let the program in."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from crm_sync.errors import ConfigurationError
from tasks.run.flow import ACCESS_DENIED, NO_SERVER, NOT_LET_IN


@contextmanager
def server_in_a_sentence() -> Iterator[None]:
    """Raise ConfigurationError, with what to set, in place of the HTTP client's own errors."""
    try:
        yield
    except httpx.HTTPStatusError as refusal:
        if refusal.response.status_code not in ACCESS_DENIED:
            raise
        raise ConfigurationError(NOT_LET_IN) from None
    except httpx.TransportError:
        raise ConfigurationError(NO_SERVER) from None

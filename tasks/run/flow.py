"""The decorator of the flows: Prefect's own, with a sentence for a Python caller whose Prefect server does not answer.

Prefect asks its server before a flow begins, so that no flow could say it.
"""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import httpx
from prefect import Flow

from crm_sync.errors import ConfigurationError

NO_SERVER = "No Prefect server answers at PREFECT_API_URL; check the address, or unset it."
NOT_LET_IN = "The Prefect server did not let you in; set PREFECT_API_AUTH_STRING or PREFECT_API_KEY."
ACCESS_DENIED = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)
# Prefect's words for a server that it cannot reach.
_UNREACHED = "Failed to reach API"

P = ParamSpec("P")
R = TypeVar("R")


class _ReachedFlow(Flow[P, R]):
    def __call__(self, *arguments: Any, **options: Any) -> Any:
        try:
            return super().__call__(*arguments, **options)
        except RuntimeError as problem:
            if _UNREACHED not in str(problem):
                raise
            raise ConfigurationError(NO_SERVER) from None
        except httpx.HTTPStatusError as refusal:
            if refusal.response.status_code not in ACCESS_DENIED:
                raise
            raise ConfigurationError(NOT_LET_IN) from None


def flow(*, name: str, flow_run_name: str | Callable[[], str]) -> Callable[[Callable[P, R]], Flow[P, R]]:
    """Make a flow of a function."""
    return lambda function: _ReachedFlow(function, name=name, flow_run_name=flow_run_name)

"""The decorator of the flows: Prefect's own, with a sentence where Prefect ends a run before any flow could say it.

For a Python caller whose Prefect server does not answer, and for parameters that Prefect does not keep.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any, ParamSpec, TypeVar

import httpx
from prefect import Flow, runtime
from prefect.settings import get_current_settings
from pydantic import Field

from crm_sync.bounds import MOST
from crm_sync.errors import ConfigurationError
from crm_sync.http.proxies import no_proxy_here

NO_SERVER = "No Prefect server answers at PREFECT_API_URL; check the address, or unset it."
NOT_LET_IN = "The Prefect server did not let you in; set PREFECT_API_AUTH_STRING or PREFECT_API_KEY."
ACCESS_DENIED = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)
NOT_STARTED = (
    "Prefect's own server for this call did not start in time; run it again when this machine has less to do, or keep "
    "one running with make up."
)
# Prefect's words for a server that it cannot reach, or start.
_PROBLEMS = {"Failed to reach API": NO_SERVER, "Timed out while attempting to connect to ephemeral": NOT_STARTED}
_KIND, _JSON = "__prefect_kind", "json"

# The number of a customer or of a run.
Number = Annotated[int, Field(ge=1, le=MOST)]

P = ParamSpec("P")
R = TypeVar("R")


class _OwnFlow(Flow[P, R]):
    def __call__(self, *arguments: Any, **options: Any) -> Any:
        # Else the server that Prefect starts for the call would be looked for through a proxy.
        no_proxy_here()
        try:
            return super().__call__(*arguments, **options)
        except RuntimeError as problem:
            said = next((ours for words, ours in _PROBLEMS.items() if words in str(problem)), None)
            if said is None:
                raise
            raise ConfigurationError(said) from None
        except httpx.HTTPStatusError as refusal:
            if refusal.response.status_code not in ACCESS_DENIED:
                raise
            raise ConfigurationError(NOT_LET_IN) from None

    def serialize_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters as Prefect keeps them; raises ConfigurationError for more than it does.

        Without it, a caller gets Prefect's answer, which quotes all of them.
        """
        kept: dict[str, Any] = super().serialize_parameters(parameters)
        most, size = get_current_settings().server.api.max_parameter_size, len(json.dumps(kept).encode())
        if most and size > most:
            raise ConfigurationError(
                f"Prefect keeps the parameters of a run, at most {most:,} bytes of them, and these are {size:,}; give "
                "fewer customer_ids at once, in several runs, or select customers by their fields."
            )
        return kept

    def validate_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters with their types; a schedule that was made in the form as JSON gives them wrapped."""
        return super().validate_parameters({name: unwrapped(value) for name, value in parameters.items()})


def run_name(name: str) -> str:
    """Return the name of the run, which says whether it is a dry one."""
    return name + (", dry run" if runtime.flow_run.parameters.get("dry_run") else "")


def unwrapped(value: Any) -> Any:
    """Return the value that Prefect's form has wrapped as JSON, or the value itself."""
    if isinstance(value, dict) and value.get(_KIND) == _JSON and "value" in value:
        content = value["value"]
        with suppress(TypeError, ValueError):
            return json.loads(content) if isinstance(content, str) else content
    return value


def flow(*, name: str, flow_run_name: str | Callable[[], str]) -> Callable[[Callable[P, R]], Flow[P, R]]:
    """Make a flow of a function."""
    return lambda function: _OwnFlow(function, name=name, flow_run_name=flow_run_name)

"""Reads the JSON of an answer, and whether a composite's session has expired."""

import json
import re
from contextlib import suppress
from typing import Any

import requests

from crm_sync.errors import SalesforceUnavailableError, SessionExpiredError
from crm_sync.salesforce.http.charset import charset_of

UNREADABLE = "Salesforce's answer broke off or is no JSON; the request can be tried again."
_ENDED = "INVALID_SESSION_ID"
# A whole pair of surrogates, half of one, NUL, and any other escape, so that no backslash is read twice.
_ESCAPES = re.compile(r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(\\u[dD][89a-fA-F]..)|(\\u0000)|\\.")


def read_json(response: requests.Response, *, numbers_as_text: bool = False) -> Any:
    """Return the parsed answer; raises SalesforceUnavailableError when it is empty, cut or no JSON.

    NUL, which no database keeps, is left out of texts; half of a cut emoji becomes U+FFFD.
    """
    with suppress(requests.RequestException, ValueError, RecursionError):
        text = _storable(response.content.decode(charset_of(response.headers), errors="replace"))
        return json.loads(text, parse_int=str, parse_float=str) if numbers_as_text else json.loads(text)
    raise SalesforceUnavailableError(UNREADABLE)


def raise_ended_session(response: requests.Response) -> None:
    """Raise SessionExpiredError when the session expired before or amid the parts; the answer's own status is 200."""
    if _ENDED.encode() not in response.content:
        return
    with suppress(SalesforceUnavailableError, LookupError, TypeError):
        for part in read_json(response)["compositeResponse"]:
            if part["httpStatusCode"] == requests.codes.unauthorized:
                raise SessionExpiredError("The Salesforce session has ended; a new login is needed.", code=_ENDED)


def _storable(text: str) -> str:
    if "\\u0000" not in text and "\\ud" not in text.lower():
        return text
    return _ESCAPES.sub(lambda escape: "\\ufffd" if escape[1] else "" if escape[2] else escape[0], text)

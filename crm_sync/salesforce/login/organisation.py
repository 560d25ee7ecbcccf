"""Which org a login leads to: its Id and name, as far as Salesforce's answer to the login names them."""

import re
from html import unescape
from typing import Any

import requests

from crm_sync.salesforce.record_ids import full_id

_ID = re.compile(r"(?:/id/|<organizationId>)(00D\w{15}|00D\w{12})\b")
_NAME = re.compile(r"<organizationName>([^<]+)<")


class LoginAnswer:
    """Stands between the library that logs in and the transport, and keeps the answer, of which the library keeps two
    values."""

    def __init__(self, transport: requests.Session) -> None:
        """Keep nothing yet."""
        self._transport = transport
        self._text = ""

    def post(self, *args: Any, **options: Any) -> requests.Response:
        """Send what the library sends."""
        response = self._transport.post(*args, **options)
        self._text = response.text
        return response

    @property
    def organisation_id(self) -> str:
        """The org's Id of 18 characters, empty when the answer does not name it."""
        found = _ID.search(self._text)
        return full_id(found[1]) if found else ""

    @property
    def organisation_name(self) -> str:
        """The org's name, which only a login with a password tells."""
        found = _NAME.search(self._text)
        return unescape(found[1]) if found else ""


def organisation_of(session_id: str) -> str:
    """Return the org's Id, with which most session ids begin; empty for others."""
    return full_id(session_id.partition("!")[0]) if re.match(r"00D\w{12}!", session_id) else ""

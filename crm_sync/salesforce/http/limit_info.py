"""Reads the use of the API and Salesforce's clock from the headers of an answer."""

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from crm_sync.errors import SalesforceUnavailableError
from crm_sync.requests import ApiUsage

_USAGE = re.compile(r"(?:^|[;,\s])api-usage=(\d{1,15})/(\d{1,15})(?=$|[;,\s])", re.ASCII)
# The largest that an INTEGER column of PostgreSQL holds has ten digits.
_APP_USAGE = re.compile(r"(?:^|[;,\s])per-app-api-usage=(\d{1,15})/(\d{1,15})(?=$|[;,\s(])", re.ASCII)
_BURSTS = re.compile(r"(?:^|[;,\s])api-bursts=[1-9]", re.ASCII)


def read_api_usage(headers: Mapping[str, str]) -> ApiUsage | None:
    """Read `api-usage=used/allowed` from Sforce-Limit-Info, which may carry further parts, or return None.

    Rule: REST API guide, "Limit Info header"; present on errors too, absent on the versions list.
    """
    header = headers.get("Sforce-Limit-Info", "")
    found, app = _USAGE.search(header), _APP_USAGE.search(header)
    if found is None:
        return None
    return ApiUsage(
        used=int(found[1]),
        allowed=int(found[2]),
        app_used=int(app[1]) if app else None,
        app_allowed=int(app[2]) if app else None,
        is_bursting=_BURSTS.search(header) is not None,
    )


def read_server_time(headers: Mapping[str, str]) -> datetime:
    """Read Salesforce's own clock from the Date header; raises SalesforceUnavailableError without one."""
    try:
        return parsedate_to_datetime(headers["Date"])
    except (KeyError, ValueError):
        raise SalesforceUnavailableError(
            "Salesforce answered without the time; the request can be tried again."
        ) from None

"""Which version of the API to use: the newest that the org has and this program knows.

Rule: REST guide, "Versions": the list needs no session and does not count to the org's day.
"""

from contextlib import suppress

from crm_sync.errors import ApiVersionError, LimitReachedError, SyncError
from crm_sync.requests import RequestKind
from crm_sync.salesforce.http.json_body import read_json
from crm_sync.salesforce.http.transport import Transport


def common_version(transport: Transport, instance_url: str, newest: str) -> str:
    """Return the newest version of the org that is not above `newest`, empty when the org gives no list; one request.

    Raises ApiVersionError when the org has none of the versions up to `newest`.
    """
    offered: list[str] = []
    # Without the list everything works as long as the org has our version, which it nearly always has.
    try:
        response = transport.call(RequestKind.OTHER, "GET", f"{instance_url}/services/data/")
        with suppress(KeyError, TypeError, ValueError):
            offered = [str(entry["version"]) for entry in read_json(response) if float(entry["version"])]
    except LimitReachedError:
        raise
    except SyncError:
        return ""
    known = [version for version in offered if float(version) <= float(newest)]
    if offered and not known:
        raise ApiVersionError(
            f"The Salesforce org has no version of the API up to {newest}, which is the newest that is used here; "
            "empty the API version in the Salesforce credentials block, or install a newer version of this program."
        )
    return max(known, key=float, default="")

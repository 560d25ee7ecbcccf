"""Assigns a permission set to the user who is logged in."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from simple_salesforce.format import format_soql

from crm_sync.errors import AuthenticationError, FatalError, SalesforceUnavailableError
from crm_sync.requests import RequestKind
from crm_sync.salesforce.http.json_body import read_json
from crm_sync.salesforce.org import SalesforceOrg

_ASSIGNED = (
    "SELECT Id FROM PermissionSetAssignment WHERE AssigneeId = {} AND PermissionSet.Name = {} "
    "AND PermissionSet.NamespacePrefix = null LIMIT 1"
)
_SET = "SELECT Id FROM PermissionSet WHERE Name = {} AND NamespacePrefix = null LIMIT 1"
_USER = "SELECT Id FROM User WHERE Username = {} LIMIT 1"


class Access(StrEnum):
    """Whether the user has the permission set."""

    HAD_IT = "had it"
    GIVEN = "given now"
    NOT_GIVEN = "not given"
    NO_SUCH_SET = "no such set"
    REFUSED = "refused"


@dataclass(frozen=True)
class Assignment:
    """The outcome of an assignment, with Salesforce's code when it was refused."""

    access: Access
    code: str = ""


def assign_permission_set(org: SalesforceOrg, name: str, *, check_only: bool = False) -> Assignment:
    """Assign an existing permission set to the integration user, once; at most four requests.

    Rule: object reference, "PermissionSetAssignment"; needs the permission 'Assign Permission Sets', and the user's
    licence has to allow what the set allows. A refusal is an outcome and no error; an administrator can assign it.
    """
    try:
        user = _user_id(org)
        if _first_id(org, format_soql(_ASSIGNED, user, name)):
            return Assignment(Access.HAD_IT)
        permission_set = _first_id(org, format_soql(_SET, name))
        if not permission_set:
            return Assignment(Access.NO_SUCH_SET)
        if check_only:
            return Assignment(Access.NOT_GIVEN)
        values = {"AssigneeId": user, "PermissionSetId": permission_set}
        org.request("POST", "sobjects/PermissionSetAssignment", RequestKind.WRITE, json=values)
    except AuthenticationError:
        raise
    except FatalError as refusal:
        return Assignment(Access.REFUSED, refusal.code or "")
    return Assignment(Access.GIVEN)


def _user_id(org: SalesforceOrg) -> str:
    """Return the integration user's Id; an app that logs in as itself knows no user name and asks for it."""
    username = org.session.user
    if "@" in username and (found := _first_id(org, format_soql(_USER, username))):
        return found
    answer = read_json(org.request("GET", "/services/oauth2/userinfo", RequestKind.OTHER))
    if isinstance(answer, dict) and answer.get("user_id"):
        return str(answer["user_id"])
    raise SalesforceUnavailableError("Salesforce did not name the user; the request can be tried again.")


def _first_id(org: SalesforceOrg, soql: str) -> str:
    """Return the Id of a query's first record, empty when there is none."""
    answer: Any = read_json(org.request("GET", "query", RequestKind.QUERY, params={"q": soql}))
    if not isinstance(answer, dict) or not isinstance(answer.get("records"), list):
        raise SalesforceUnavailableError("Salesforce answered without records; the request can be tried again.")
    return str(answer["records"][0]["Id"]) if answer["records"] else ""

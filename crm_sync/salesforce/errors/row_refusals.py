"""The refusal class of a record, by the code and message in its result.

Sources: the partner WSDL's StatusCode list, the REST and Bulk 2.0 guides, and answers seen on the wire.
"""

import re
from dataclasses import dataclass

import pandas as pd

from crm_sync.outcomes import RefusalClass
from crm_sync.salesforce.errors.error_rules import Complaint


@dataclass(frozen=True)
class _RowRule:
    codes: str
    row_class: RefusalClass
    says: str = ""

    def matches(self, codes: pd.Series, messages: pd.Series) -> pd.Series:
        """Return which complaints this rule is about."""
        is_listed = codes.isin(self.codes.split()) if self.codes else codes.notna()
        if not self.says:
            return is_listed
        return is_listed & (codes + " " + messages).str.contains(self.says, flags=re.IGNORECASE, na=False)


# Of the rules, the first that matches counts; what none matches is the record's data.
_ROW_RULES = (
    _RowRule("REQUEST_LIMIT_EXCEEDED", RefusalClass.TRANSIENT, says="concurrent"),
    # A list of the record's own, such as of receivers, and no limit of the org.
    _RowRule("LIMIT_EXCEEDED", RefusalClass.DATA, says=r"\btoo (?:many|long)\b|\barray\b"),
    _RowRule("REQUEST_LIMIT_EXCEEDED LIMIT_EXCEEDED LOGIN_RATE_EXCEEDED EXCEEDEDQUOTA", RefusalClass.LIMIT),
    _RowRule("", RefusalClass.LIMIT, says=r"max bulk v2 .*per 24 hrs"),
    # In the message too: a trigger or a flow of the org reports a lock under its own code.
    _RowRule("", RefusalClass.TRANSIENT, says="UNABLE_TO_LOCK_ROW|TooManyLockFailure"),
    # The limits of the org's triggers hold for a whole composite; a repetition has fewer records each time.
    _RowRule("", RefusalClass.TRANSIENT, says=r"System\.LimitException"),
    _RowRule(
        "SERVER_UNAVAILABLE QUERY_TIMEOUT TXN_SECURITY_METERING_ERROR UNKNOWN_EXCEPTION INTERNAL_ERROR "
        "REQUEST_RUNNING_TOO_LONG TOO_MANY_APEX_REQUESTS API_CURRENTLY_DISABLED ORG_IN_MAINTENANCE "
        "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE FUNCTIONALITY_TEMPORARILY_UNAVAILABLE "
        "INVALID_SESSION_ID INVALIDSESSIONID INTERNALSERVERERROR SERVERUNAVAILABLE TIMEOUT UNKNOWN "
        "ABORTED FAILED JOBCOMPLETE",
        RefusalClass.TRANSIENT,
    ),
    _RowRule("", RefusalClass.TRANSIENT, says=r"^HTTP (?:5\d\d|408|429)\b"),
    # Of a whole collection, NOT_FOUND is about its object or its external id field.
    _RowRule("NOT_FOUND", RefusalClass.PERMISSION, says="external id field|requested resource"),
    _RowRule(
        "ENTITY_IS_DELETED INVALID_CROSS_REFERENCE_KEY NOT_FOUND",
        RefusalClass.TARGET_DELETED,
    ),
    _RowRule("CANNOT_UPDATE_CONVERTED_LEAD", RefusalClass.CONVERTED),
    _RowRule(
        "INVALID_FIELD_FOR_INSERT_UPDATE INVALID_FIELD INVALID_TYPE INSUFFICIENT_ACCESS "
        "INSUFFICIENT_ACCESS_OR_READONLY INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY "
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY INACTIVE_OWNER_OR_USER STORAGE_LIMIT_EXCEEDED API_DISABLED_FOR_ORG "
        "FUNCTIONALITY_NOT_ENABLED INVALIDBATCH CLIENTINPUTERROR",
        RefusalClass.PERMISSION,
    ),
)


def refusal_classes(codes: pd.Series, messages: pd.Series) -> pd.Series:
    """Return the RefusalClass of each refused record as text, missing where there is no code.

    `codes`, `messages`: text with one index, as in a result frame.
    """
    # Each distinct complaint is classified once.
    kinds = pd.DataFrame({"code": codes.str.upper(), "message": messages.fillna("")}).dropna(subset=["code"])
    distinct = kinds.drop_duplicates()
    found = pd.Series(RefusalClass.DATA.value, index=distinct.index, dtype="str")
    for rule in reversed(_ROW_RULES):
        found = found.mask(rule.matches(distinct["code"], distinct["message"]), rule.row_class.value)
    classes = kinds.merge(distinct.assign(row_class=found), how="left", on=["code", "message"])["row_class"]
    return pd.Series(classes.array, index=kinds.index).reindex(codes.index).astype("str")


def is_past_its_step(code: str | None) -> bool:
    """Return whether the Bulk job is already past this step."""
    return code is not None and code.upper() == "INVALIDJOBSTATE"


def read_job_reason(state: str, reason: str) -> Complaint:
    """Return why a Bulk job ended as it did; its code is the state when the reason begins with none."""
    code, colon, message = reason.partition(":")
    if colon and re.fullmatch(r"\w{1,80}", code.strip(), re.ASCII):
        return Complaint(code.strip(), message.strip())
    return Complaint(state, reason)

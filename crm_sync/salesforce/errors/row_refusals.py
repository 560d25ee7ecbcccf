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


# Of the rules, the first that matches counts; a code that none lists is unknown, and tried again.
_ROW_RULES = (
    _RowRule("REQUEST_LIMIT_EXCEEDED", RefusalClass.TRANSIENT, says="concurrent"),
    # A list of the record's own, such as of receivers, and no limit of the org.
    _RowRule("LIMIT_EXCEEDED", RefusalClass.DATA, says=r"\btoo (?:many|long)\b|\barray\b"),
    _RowRule("REQUEST_LIMIT_EXCEEDED LIMIT_EXCEEDED LOGIN_RATE_EXCEEDED EXCEEDEDQUOTA", RefusalClass.LIMIT),
    _RowRule("", RefusalClass.LIMIT, says=r"max bulk v2 .*per 24 hrs"),
    # In the message too: a trigger or a flow of the org reports a lock under its own code.
    _RowRule("", RefusalClass.TRANSIENT, says="UNABLE_TO_LOCK_ROW|TooManyLockFailure"),
    # What the org's triggers and flows may use holds for all records of a call together, under whatever code.
    _RowRule(
        "",
        RefusalClass.TOO_MANY,
        says=r"System\.LimitException|CPU time limit|heap size too large|number of iterations exceeded"
        r"|too many (?:SOQL queries|SOSL queries|query rows|DML (?:statements|rows)|callouts|future calls"
        r"|queueable jobs|email invocations)|more than 10 chunks",
    ),
    _RowRule("", RefusalClass.TOO_MANY, says=r"^HTTP 413\b"),
    _RowRule(
        "SERVER_UNAVAILABLE QUERY_TIMEOUT TXN_SECURITY_METERING_ERROR UNKNOWN_EXCEPTION INTERNAL_ERROR "
        "REQUEST_RUNNING_TOO_LONG TOO_MANY_APEX_REQUESTS API_CURRENTLY_DISABLED ORG_IN_MAINTENANCE "
        "MATCH_SERVICE_TIMED_OUT MATCH_SERVICE_UNAVAILABLE_ERROR TERRITORY_REALIGN_IN_PROGRESS OPERATION_ENQUEUED "
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
        "INVALID_FIELD_FOR_INSERT_UPDATE INVALID_FIELD INVALID_TYPE INVALIDENTITY INSUFFICIENT_ACCESS "
        "INSUFFICIENT_ACCESS_OR_READONLY INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY FIELD_NOT_UPDATABLE "
        "INACTIVE_OWNER_OR_USER STORAGE_LIMIT_EXCEEDED API_DISABLED_FOR_ORG INSUFFICIENT_CREDITS "
        "FUNCTIONALITY_NOT_ENABLED INVALIDBATCH CLIENTINPUTERROR ENTITY_IS_LOCKED LICENSE_LIMIT_EXCEEDED "
        "INVALID_READ_ONLY_USER_DML CANNOT_MODIFY_MANAGED_OBJECT FIELD_NOT_LINKED",
        RefusalClass.PERMISSION,
    ),
    # Flows, triggers, validation and duplicate rules, lookup filters; a required field is the org's wish too.
    _RowRule(
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY CANNOT_EXECUTE_FLOW_TRIGGER FLOW_EXCEPTION CUSTOM_APEX_ERROR "
        "MAX_DEPTH_IN_FLOW_EXECUTION SELF_REFERENCE_FROM_FLOW SELF_REFERENCE_FROM_TRIGGER "
        "FIELD_CUSTOM_VALIDATION_EXCEPTION FIELD_FILTER_VALIDATION_EXCEPTION FIELD_MODERATION_RULE_BLOCK "
        "RELATED_ENTITY_FILTER_VALIDATION_EXCEPTION REQUIRED_FIELD_MISSING DUPLICATES_DETECTED "
        "RECORD_IN_USE_BY_WORKFLOW ENTITY_SAVE_ERROR ENTITY_SAVE_VALIDATION_ERROR MIXED_DML_OPERATION "
        "APEX_DATA_ACCESS_RESTRICTION UNSUPPORTED_APEX_TRIGGER_OPERATON FIND_DUPLICATES_ERROR CLEAN_SERVICE_ERROR "
        "MAXIMUM_HIERARCHY_CHILDREN_REACHED INVALID_ASSIGNMENT_RULE INACTIVE_RULE_ERROR",
        RefusalClass.AUTOMATION,
    ),
    _RowRule(
        "STRING_TOO_LONG INVALID_EMAIL_ADDRESS INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST NUMBER_OUTSIDE_VALID_RANGE "
        "INVALID_TYPE_ON_FIELD_IN_RECORD INVALID_CROSS_REFERENCE_TYPE_FOR_FIELD FIELD_INTEGRITY_EXCEPTION MALFORMED_ID "
        "MISSING_ARGUMENT DUPLICATE_VALUE DUPLICATE_EXTERNAL_ID JSON_PARSER_ERROR INVALID_INPUT INVALID_CURRENCY_ISO "
        "TEXT_DATA_OUTSIDE_SUPPORTED_CHARSET TOO_MANY_ENUM_VALUE INVALID_INET_ADDRESS INVALID_ARGUMENT_TYPE "
        "INVALID_STATUS CIRCULAR_DEPENDENCY UNAVAILABLE_RECORDTYPE_EXCEPTION CUSTOM_CLOB_FIELD_LIMIT_EXCEEDED "
        "NEWER_IN_SALESFORCE OPT_OUT_GONE",
        RefusalClass.DATA,
    ),
    _RowRule("", RefusalClass.DATA, says=r"^HTTP 4\d\d\b"),
)


def refusal_classes(codes: pd.Series, messages: pd.Series) -> pd.Series:
    """Return the RefusalClass of each refused record as text, missing where there is no code.

    `codes`, `messages`: text with one index, as in a result frame.
    """
    # Each distinct complaint is classified once.
    kinds = pd.DataFrame({"code": codes.str.upper(), "message": messages.fillna("")}).dropna(subset=["code"])
    distinct = kinds.drop_duplicates()
    found = pd.Series(RefusalClass.UNKNOWN.value, index=distinct.index, dtype="str")
    for rule in reversed(_ROW_RULES):
        found = found.mask(rule.matches(distinct["code"], distinct["message"]), rule.row_class.value)
    classes = kinds.merge(distinct.assign(row_class=found), how="left", on=["code", "message"])["row_class"]
    return pd.Series(classes.array, index=kinds.index).reindex(codes.index).astype("str")


# Refusals that can only be if an object or its fields are not, or are no longer, as they were described.
CONTRADICTIONS = (
    *("INVALID_FIELD", "INVALID_TYPE", "INVALIDENTITY", "INVALIDBATCH", "CLIENTINPUTERROR", "JSON_PARSER_ERROR"),
    *("INVALID_FIELD_FOR_INSERT_UPDATE", "NOT_FOUND"),
)
_FIELDS_IN_MESSAGE = (
    r"(?i)\bcolumn '(\w+)'",
    r"(?i)\bfields?: ([\w, ]+?)(?:\.|\Z)",
    r"(?i)field name not found : (\w+)",
    r"(?i)bad field names on insert/update call: ([\w, ]+)",
    r"(?i)Required fields are missing: \[([\w, ]+)\]",
)


def named_fields(messages: pd.Series) -> pd.Series:
    """Return the fields that messages name, as `,title,phone,` in lower case, missing where they name none."""
    found = pd.Series(None, index=messages.index, dtype="str")
    for pattern in _FIELDS_IN_MESSAGE:
        found = found.fillna(messages.str.extract(pattern, expand=False))
    return as_name_list(found)


def as_name_list(names: pd.Series) -> pd.Series:
    """Return names with commas between them as `,title,phone,` in lower case."""
    texts = "," + names.str.lower().str.replace(r"\s*,\s*", ",", regex=True).str.strip(", ") + ","
    return texts.mask(texts.eq(",,"))


def is_past_its_step(code: str | None) -> bool:
    """Return whether the Bulk job is already past this step."""
    return code is not None and code.upper() == "INVALIDJOBSTATE"


def read_job_reason(state: str, reason: str) -> Complaint:
    """Return why a Bulk job ended as it did; its code is the state when the reason begins with none."""
    code, colon, message = reason.partition(":")
    if colon and re.fullmatch(r"\w{1,80}", code.strip(), re.ASCII):
        return Complaint(code.strip(), message.strip())
    return Complaint(state, reason)


# Names that an automation gives itself in its message: of an Apex trigger or class, of a flow or process.
_NAMED_BY = (
    ("Apex trigger", r"(?:\A\s*|\btrigger )([A-Za-z][\w.]{0,79})(?:: execution of (?:Before|After)| caused an)"),
    ("Apex trigger", r"\bTrigger\.(?:\w+\.)?([A-Za-z]\w{0,79})"),
    ("Apex class", r"\bClass\.(?:\w+\.)?([A-Za-z]\w{0,79})\.\w+: line"),
    ("flow", r"(?:because|that) the [\"\u201c]([^\"\u201c\u201d@]{1,80})[\"\u201d] process failed"),
    ("flow", r"\bflow (?:named )?[\"\u201c]([^\"\u201c\u201d@]{1,80})[\"\u201d]"),
    ("flow version", r"\bflow with version ID (\w{15,18})\b"),
)


def named_automation(message: str) -> str:
    """Return the flow, trigger or class of the org that a refusal's message names, such as "Apex trigger Sync"; or
    nothing."""
    for kind, pattern in _NAMED_BY:
        if found := re.search(pattern, message):
            return f"{kind} {found[1].strip()}"
    return ""

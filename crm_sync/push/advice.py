"""What a person can do about customers that left by *error*, by Salesforce's code."""

import pandas as pd

from crm_sync.outcomes import RefusalClass
from crm_sync.push.result import Cause
from crm_sync.salesforce.errors.row_refusals import named_automation, refusal_classes

# Our own codes, beside Salesforce's: the record holds a newer value there, has no field for it, or no opt-out any more.
NEWER_IN_SALESFORCE = "NEWER_IN_SALESFORCE"
FIELD_NOT_LINKED = "FIELD_NOT_LINKED"
OPT_OUT_GONE = "OPT_OUT_GONE"

_EXAMPLES = 5
_BY_CLASS = {
    RefusalClass.TRANSIENT: ("Salesforce was busy; send again with retry-outputs.", True),
    RefusalClass.TOO_MANY: (
        "The org's triggers and flows do not take even one of these records; its administrator can mend them.",
        True,
    ),
    RefusalClass.LIMIT: ("A limit was reached; send again with retry-outputs when Salesforce takes requests.", True),
    RefusalClass.TARGET_DELETED: ("The record is deleted or merged; the next pull finds which customer it was.", False),
    RefusalClass.CONVERTED: ("The lead was converted; switch on 'Follow converted leads', or pull first.", True),
    RefusalClass.DATA: ("Salesforce does not take the value; correct the customer, then retry-outputs.", False),
    RefusalClass.PERMISSION: (
        "The integration user may not write this; change it in Salesforce, then retry-outputs.",
        True,
    ),
    RefusalClass.AUTOMATION: (
        "Automation of the org refuses the record; its administrator finds it by Salesforce's message in "
        "campaign_output, then retry-outputs.",
        True,
    ),
    RefusalClass.UNKNOWN: ("See Salesforce's message in campaign_output; then send again with retry-outputs.", True),
}
_BY_CODE = {
    NEWER_IN_SALESFORCE: (
        "Salesforce has a newer value, which stays; the next pull brings it here. Nothing to do, or let the customer "
        "win.",
        False,
    ),
    FIELD_NOT_LINKED: (
        "The customer's record has no field for the value; link one to the same customer field in the data mapping.",
        True,
    ),
    OPT_OUT_GONE: (
        "No record in Salesforce holds this opt-out for the address any more: somebody un-ticked it, or changed the "
        "address. Nobody is mailed by it; the next pull settles it, and writes the opt-out again where it stands. Then "
        "retry-outputs.",
        False,
    ),
    "MISSING_ARGUMENT": (
        "The customer has no Id of such a record: it may be known as the other object, lead or contact; else a pull "
        "fills it in when it finds the record.",
        False,
    ),
    "STRING_TOO_LONG": ("The value is longer than the Salesforce field; shorten it here or lengthen the field.", False),
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": ("The value is not in the pick list; add it there or change it.", False),
    "INVALID_EMAIL_ADDRESS": ("Salesforce does not take this as an e-mail address; correct it here.", False),
    "REQUIRED_FIELD_MISSING": ("The field is required in Salesforce and empty here; fill it in here.", False),
    "INVALID_TYPE_ON_FIELD_IN_RECORD": ("The value does not convert to the field's type; correct it here.", False),
    "INVALID_FIELD_FOR_INSERT_UPDATE": ("The field cannot be written; leave it out or give write access.", True),
    "INVALID_FIELD": ("Salesforce does not show the field; leave it out or give access to it.", True),
    "ENTITY_IS_LOCKED": ("The record is locked, mostly until its approval is decided; retry-outputs after that.", True),
    "INACTIVE_OWNER_OR_USER": (
        "The record's owner, or whoever a flow of the org acts for, is no active user; give the record an active owner "
        "in Salesforce, then retry-outputs.",
        True,
    ),
    "STORAGE_LIMIT_EXCEEDED": ("The org's storage is full; its administrator makes room, then retry-outputs.", True),
    "INVALID_CURRENCY_ISO": ("The org does not have this currency, or no longer; add it there or change it.", False),
    "DUPLICATE_VALUE": ("Two customers lead to one record; see which of them is the person.", False),
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": ("A validation rule of the org refuses the record; ask who made it.", True),
    "FIELD_FILTER_VALIDATION_EXCEPTION": ("A lookup filter of the org refuses the value; ask who made it.", True),
    "DUPLICATES_DETECTED": (
        "A duplicate rule of the org refuses the record. If it only alerts, switch on 'Save in spite of duplicate "
        "alerts'; if it blocks, merge the duplicates there.",
        True,
    ),
}


def group_causes(errors: pd.DataFrame) -> tuple[Cause, ...]:
    """Return the causes of errors, most frequent first.

    `errors`: `error_code`, `error_message`, `salesforce_id` (text, may be missing).
    """
    if errors.empty:
        return ()
    classes = refusal_classes(errors["error_code"], errors["error_message"]).fillna(RefusalClass.UNKNOWN.value)
    messages = errors["error_message"].fillna("")
    named = messages.map({message: named_automation(message) for message in messages.unique()})
    frame = errors.assign(
        row_class=classes,
        named=named.where(classes.isin([RefusalClass.AUTOMATION, RefusalClass.TOO_MANY]), ""),
        error_code=errors["error_code"].fillna("UNKNOWN"),
    )
    causes = []
    for (code, row_class, name), group in frame.groupby(["error_code", "row_class", "named"]):
        advice, can_retry = _advice(str(code), RefusalClass(str(row_class)), str(name))
        examples = tuple(group["salesforce_id"].dropna().head(_EXAMPLES))
        causes.append(Cause(str(code), len(group), advice, can_retry, examples))
    return tuple(sorted(causes, key=lambda cause: -cause.customers))


def _advice(code: str, row_class: RefusalClass, automation: str) -> tuple[str, bool]:
    if automation:
        said = "does not take" if row_class is RefusalClass.TOO_MANY else "refuses"
        return (
            f"The {automation} of the org {said} the record; its administrator can mend it, then retry-outputs.",
            True,
        )
    # A code's own advice is about its usual meaning; a lock or a limit may come under any code.
    usual = row_class in {RefusalClass.DATA, RefusalClass.PERMISSION, RefusalClass.AUTOMATION}
    return (usual and _BY_CODE.get(code)) or _BY_CLASS[row_class]

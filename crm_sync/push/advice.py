"""What a person can do about customers that left by *error*, by Salesforce's code."""

import pandas as pd

from crm_sync.outcomes import RefusalClass
from crm_sync.push.result import Cause
from crm_sync.salesforce.errors.row_refusals import refusal_classes

_EXAMPLES = 5
_BY_CLASS = {
    RefusalClass.TRANSIENT: ("Salesforce was busy; send again with retry_outputs.", True),
    RefusalClass.LIMIT: ("A limit was reached; send again with retry_outputs when Salesforce takes requests.", True),
    RefusalClass.TARGET_DELETED: ("The record is deleted or merged; the next pull tells which customer it was.", False),
    RefusalClass.CONVERTED: ("The lead was converted; switch on 'Follow converted leads', or pull first.", True),
    RefusalClass.DATA: ("Salesforce does not take the value; correct the customer, then retry_outputs.", False),
    RefusalClass.PERMISSION: (
        "The integration user may not write this; change it in Salesforce, then retry_outputs.",
        True,
    ),
}
_BY_CODE = {
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
    "DUPLICATE_VALUE": ("Two customers lead to one record; see which of them is the person.", False),
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": ("A validation rule of the org refuses the record; ask who made it.", True),
    "DUPLICATES_DETECTED": ("A duplicate rule of the org refuses the record; merge the duplicates there.", True),
}


def group_causes(errors: pd.DataFrame) -> tuple[Cause, ...]:
    """Return the causes of errors, most frequent first.

    `errors`: `error_code`, `error_message`, `salesforce_id` (text, may be missing).
    """
    if errors.empty:
        return ()
    classes = refusal_classes(errors["error_code"], errors["error_message"]).fillna(RefusalClass.DATA.value)
    frame = errors.assign(row_class=classes, error_code=errors["error_code"].fillna("UNKNOWN"))
    causes = []
    for (code, row_class), group in frame.groupby(["error_code", "row_class"]):
        advice, can_retry = _BY_CODE.get(str(code)) or _BY_CLASS[RefusalClass(str(row_class))]
        examples = tuple(group["salesforce_id"].dropna().head(_EXAMPLES))
        causes.append(Cause(str(code), len(group), advice, can_retry, examples))
    return tuple(sorted(causes, key=lambda cause: -cause.customers))

"""The advice for customers that left by error fits its cause, and says who can mend it."""

import pandas as pd
import pytest

from crm_sync.push.advice import group_causes


@pytest.mark.parametrize(
    ("code", "message", "advice", "can_retry"),
    [
        ("ENTITY_IS_LOCKED", "the entity is locked for editing", "approval", True),
        ("INACTIVE_OWNER_OR_USER", "operation performed with inactive user [005] as owner", "active owner", True),
        ("STORAGE_LIMIT_EXCEEDED", "storage limit exceeded", "administrator makes room", True),
        ("INVALID_CURRENCY_ISO", "Currency XXX is not available", "does not have this currency", False),
        ("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", "integration user", True),
        # A code of the next release.
        ("BRAND_NEW_CODE", "nobody knows", "Salesforce's message", True),
    ],
)
def test_advice_is_about_the_cause(code: str, message: str, advice: str, can_retry: bool) -> None:
    errors = pd.DataFrame({"error_code": [code], "error_message": [message], "salesforce_id": [None]}, dtype="str")
    (cause,) = group_causes(errors)
    assert advice in cause.advice
    assert cause.can_retry is can_retry

"""One sentence per way in which Salesforce refuses a login: what happened, and what to change."""

import re

_SAVE = "save it in the Salesforce credentials block."
_REFUSED = "Salesforce refused the login of the integration user: "

_NOT_FROM_HERE = (
    "the user may not log in from this machine's IP address; add it to the Login IP Ranges of the user's profile, or "
    "relax the IP restrictions under the app's policies."
)
_NOT_INSTALLED = (
    "the app is not installed in this org; install it in Salesforce under Setup > Connected Apps OAuth Usage, or enter "
    "the key of an app of the org's own in the Salesforce credentials block."
)
_NOT_NOW = "the user may not log in at this hour; widen the Login Hours of the user's profile."
_INACTIVE = "the user is inactive or frozen; activate it in Salesforce under Setup > Users."
_ORG_LOCKED = "the org is locked, closed or suspended; ask Salesforce support."

# Codes, words of the message (empty: any), sentence; the first that matches counts. The codes are the
# partner WSDL's for SOAP login(), and OAuth's `error` in capitals.
_REFUSALS = (
    (
        "INVALID_LOGIN",
        "",
        "username, password or security token is wrong, or the user is locked out; check all three (a new "
        "password also gives a new token) and " + "save them in the Salesforce credentials block.",
    ),
    (
        "LOGIN_MUST_USE_SECURITY_TOKEN",
        "",
        "a security token is needed; reset it in Salesforce under Settings > Reset My Security Token and " + _SAVE,
    ),
    (
        "PASSWORD_LOCKOUT",
        "",
        "the user is locked out after too many wrong passwords; unlock the user in Salesforce under "
        "Setup > Users, then check the password in the Salesforce credentials block.",
    ),
    ("LOGIN_DURING_RESTRICTED_DOMAIN", "", _NOT_FROM_HERE),
    ("LOGIN_DURING_RESTRICTED_TIME", "", _NOT_NOW),
    ("ORG_LOCKED", "", "the org is locked; ask Salesforce support to unlock it."),
    ("TRIAL_EXPIRED", "", "the org's trial has ended; use an org with a licence."),
    (
        "INVALID_OPERATION",
        "disabled",
        "login with username and password over SOAP is switched off in this org; let an administrator switch "
        "on SOAP API login(), or use client credentials or a certificate (JWT) instead.",
    ),
    (
        "INVALID_OPERATION",
        "",
        "this way of logging in is no longer offered; use client credentials or a certificate (JWT) instead.",
    ),
    (
        "UNSUPPORTED_API_VERSION",
        "",
        "this way of logging in is no longer offered; use client credentials or a certificate (JWT) instead.",
    ),
    (
        "INSUFFICIENT_ACCESS",
        "",
        "the user may not log in this way; give it the permission 'Use Any API Auth', or use client "
        "credentials or a certificate (JWT) instead.",
    ),
    (
        "API_DISABLED_FOR_ORG",
        "",
        "the API is not enabled for the org or the user; give the user the permission 'API Enabled'.",
    ),
    # OAuth has one code for many refusals; its description tells them apart (OAuth guide, "OAuth 2.0 Error Codes").
    ("INVALID_GRANT", r"app_not_found|not installed", _NOT_INSTALLED),
    ("INVALID_GRANT", r"\bip\b|activation", _NOT_FROM_HERE),
    ("INVALID_GRANT", r"\bhours?\b|restricted time", _NOT_NOW),
    ("INVALID_GRANT", r"\borg(ani[sz]ation)?\b.*\b(lock|inactive|suspend)|inactive org", _ORG_LOCKED),
    ("INVALID_GRANT", r"inactive|frozen|deactivated", _INACTIVE),
    (
        "INVALID_GRANT",
        r"lock",
        "the user is locked out after too many wrong passwords; unlock the user in Salesforce under Setup > Users.",
    ),
    (
        "INVALID_GRANT",
        r"password.*expired|expired.*password",
        "the password of the user has expired; set a new one in Salesforce.",
    ),
    (
        "INVALID_GRANT",
        r"authorization code|(access|refresh).*token|token (validity )?expired",
        "what the app was given to log in with has expired or was revoked; check the app and its certificate in "
        "Salesforce, and the Salesforce credentials block.",
    ),
    (
        "INVALID_GRANT",
        "hasn't approved|not approved|unauthori[sz]ed|app.*(admin|approv)",
        "the app is not approved for the user; pre-authorise the user's profile or permission set under "
        "the app's policies in Salesforce.",
    ),
    (
        "INVALID_GRANT",
        "no client credentials user",
        "the app has no run-as user; choose one under the app's client credentials settings in Salesforce.",
    ),
    (
        "INVALID_GRANT",
        "not supported on this domain",
        "client credentials need the My Domain address; enter it in the Salesforce credentials block.",
    ),
    (
        "INVALID_GRANT",
        "assertion|audience|signature|certificate|expired",
        "the signed request was not accepted; check that the private key belongs to the app's certificate, "
        "that username and sandbox are right, and that this machine's clock is.",
    ),
    (
        "INVALID_GRANT",
        "",
        "the user does not exist, is inactive or is not allowed to use the app; check the username and "
        "sandbox in the Salesforce credentials block and the app's policies in Salesforce.",
    ),
    (
        "INVALID_CLIENT_ID",
        "",
        "the consumer key is wrong, or the app is new (it may take ten minutes); copy the key again and " + _SAVE,
    ),
    ("INVALID_CLIENT", "", "the consumer secret is wrong; copy it again and " + _SAVE),
    ("APP_NOT_FOUND OAUTH_EC_APP_NOT_FOUND", "", _NOT_INSTALLED),
    (
        "UNSUPPORTED_GRANT_TYPE INVALID_APP_ACCESS OAUTH_APP_BLOCKED UNAUTHORIZED_CLIENT",
        "",
        "the app does not allow this way of logging in; enable it in the app's OAuth settings in Salesforce.",
    ),
    ("INACTIVE_USER", "", _INACTIVE),
    ("INACTIVE_ORG", "", _ORG_LOCKED),
)


def login_sentence(code: str, message: str) -> str:
    """Return the sentence for a refused login, or nothing when the code is no login refusal."""
    for codes, words, sentence in _REFUSALS:
        if code.upper() in codes.split() and re.search(words, message, re.IGNORECASE):
            return _REFUSED + sentence
    return ""

"""SOAP login() of the partner service."""

from xml.etree import ElementTree
from xml.sax.saxutils import escape

from standins.salesforce.api.soap import parsed_xml, soap_answer, soap_fault
from standins.salesforce.errors import SalesforceError
from standins.salesforce.http.messages import Answer, Request
from standins.salesforce.org.logins import LoginRefused
from standins.salesforce.org.org import Org


def login(org: Org, request: Request, version: str) -> Answer:
    """Answer a login() with a session or with a fault."""
    try:
        org.usage.check()
        _check_version(org, version)
        username, password = _credentials(request.body)
        session_id = org.logins.with_password(username, password)
    except LoginRefused as refusal:
        return _fault(refusal.code, refusal.message)
    except SalesforceError as error:
        return _fault(error.code, error.message)
    return _success(org, request, version, session_id)


def _check_version(org: Org, version: str) -> None:
    number, settings = float(version), org.settings
    if number < settings.oldest_version:
        raise LoginRefused("UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL")
    if number > settings.soap_login_last_version:
        raise LoginRefused(
            "INVALID_OPERATION",
            f"The SOAP Login operation is not available in the API version specified ({version}). "
            "Refer to the documentation for supported versions.",
        )
    if not settings.soap_login_enabled:
        raise LoginRefused(
            "INVALID_OPERATION",
            "SOAP API login() is disabled by default in this org. Contact the org "
            "administrator to enable SOAP API login().",
        )


def _credentials(body: bytes) -> tuple[str, str]:
    try:
        values = {element.tag: element.text or "" for element in parsed_xml(body).iter()}
    except ElementTree.ParseError as error:
        raise LoginRefused("UNKNOWN_EXCEPTION", f"Invalid XML: {error}") from error
    if "login" not in values:
        raise LoginRefused("INVALID_OPERATION", "No operation available for request")
    return values.get("username", ""), values.get("password", "")


def _success(org: Org, request: Request, version: str, session_id: str) -> Answer:
    short_id = org.organization_id[:15]
    seconds = int(org.settings.session_lifetime.total_seconds())
    user_info = {
        "accessibilityMode": "false",
        "currencySymbol": "€",
        "orgDefaultCurrencyIsoCode": "EUR",
        "orgHasPersonAccounts": "false",
        "organizationId": org.organization_id,
        "organizationMultiCurrency": "false",
        "organizationName": org.settings.organization_name,
        "sessionSecondsValid": str(seconds),
        "userEmail": org.settings.username,
        "userFullName": org.settings.user_full_name,
        "userId": org.user_id,
        "userLanguage": "en_US",
        "userLocale": "nl_NL",
        "userName": org.settings.username,
        "userTimeZone": "Europe/Amsterdam",
        "userType": "Standard",
    }
    result = (
        f"<metadataServerUrl>{request.base_url}/services/Soap/m/{version}/{short_id}</metadataServerUrl>"
        "<passwordExpired>false</passwordExpired>"
        f"<sandbox>{str(org.settings.sandbox).lower()}</sandbox>"
        f"<serverUrl>{request.base_url}/services/Soap/u/{version}/{short_id}</serverUrl>"
        f"<sessionId>{session_id}</sessionId><userId>{org.user_id}</userId><userInfo>"
        + "".join(f"<{name}>{escape(value)}</{name}>" for name, value in user_info.items())
        + "</userInfo>"
    )
    content = f"<loginResponse><result>{result}</result></loginResponse>"
    return soap_answer('xmlns="urn:partner.soap.sforce.com"', content)


def _fault(code: str, message: str) -> Answer:
    detail = (
        f'<detail><sf:LoginFault xsi:type="sf:LoginFault"><sf:exceptionCode>{code}</sf:exceptionCode>'
        f"<sf:exceptionMessage>{escape(message)}</sf:exceptionMessage></sf:LoginFault></detail>"
    )
    return soap_fault('xmlns:sf="urn:fault.partner.soap.sforce.com"', code, f"{code}: {message}", detail)

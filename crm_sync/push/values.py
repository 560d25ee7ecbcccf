"""The way back of the mapping: a customer's values as Salesforce takes them, and the checks that Salesforce makes."""

from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import pandas as pd

from crm_sync.mapping.customer_fields import FieldType
from crm_sync.mapping.model import FieldLink
from crm_sync.mapping.transform import convert
from crm_sync.mapping.words import NO, NUMBER_TYPES, YES
from crm_sync.salesforce.schema.describe import FieldDescription
from crm_sync.salesforce.write.records import CLEAR

_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_LONGEST_NUMBER = 40
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"\A((?:[01][0-9]|2[0-3]):[0-5][0-9])(?::([0-5][0-9])(?:\.([0-9]{1,3})[0-9]*)?)?Z?\Z"
_EMAIL = r"[^@\s,;<>()]+@[^@\s,;<>()]+\.[^@\s.,;<>()]{2,}"
_FORM = "%Y-%m-%dT%H:%M:%S.000Z"
_PICKLISTS = {"picklist", "multipicklist"}


@dataclass(frozen=True)
class Outgoing:
    """A column on its way: `content` as Salesforce gets it (text, CLEAR to clear); `code` and `message` (text) of the
    values that Salesforce would refuse, missing where it would not."""

    content: pd.Series
    code: pd.Series
    message: pd.Series


def comparable(values: pd.Series, link: FieldLink, described_type: str) -> pd.Series:
    """Return a customer's values (text, missing when empty) in the one form in which equal ones are alike."""
    texts = _trimmed(values)
    if link.field_type is FieldType.YES_NO or (link.field_type is None and described_type == "boolean"):
        return texts.str.lower().fillna("false")
    if link.field_type is FieldType.DATE:
        return texts
    if described_type in NUMBER_TYPES:
        texts = _plain_number(texts)
    elif described_type == "datetime":
        texts = _moments(texts).fillna(texts)
    elif described_type == "time":
        texts = _times(texts).fillna(texts)
    elif described_type == "multipicklist":
        texts = _as_sets(texts)
    return texts


def comparable_known(values: pd.Series, link: FieldLink, described_type: str) -> tuple[pd.Series, pd.Series]:
    """Return Salesforce's values as a customer would have them, as `comparable`, and which of them do not convert."""
    column = convert(values, link, described_type)
    content = column.content
    if content.dtype == "bool":
        content = content.map({True: "true", False: "false"})
    bad = pd.Series(False, index=values.index) if column.bad is None else column.bad.astype("bool")
    return comparable(content.astype("str"), link, described_type), bad


def to_salesforce(values: pd.Series, link: FieldLink, field: FieldDescription) -> Outgoing:
    """Convert a customer's values (text, missing when empty) for one field, and check what Salesforce checks.

    Codes: partner WSDL, StatusCode; the messages are Salesforce's but for the value itself.
    """
    texts = _trimmed(values)
    content = _converted(texts, link, field)
    out = Outgoing(content.fillna(CLEAR), _nothing(texts), _nothing(texts))
    if not field.updateable:
        reason = "Please check the security settings of this field and verify that it is read/write for your profile."
        message = f"Unable to create/update fields: {field.name}. {reason}"
        return _refuse(out, values.notna() | True, "INVALID_FIELD_FOR_INSERT_UPDATE", message)
    misfit = texts.notna() & content.isna()
    out = _refuse(out, misfit, "INVALID_TYPE_ON_FIELD_IN_RECORD", f"{field.name}: value not of required type")
    if field.type in NUMBER_TYPES and field.digits:
        large = pd.to_numeric(content, errors="coerce").abs() >= 10**field.digits
        message = f"{field.label}: value outside of valid range on numeric field"
        out = _refuse(out, large.fillna(False), "NUMBER_OUTSIDE_VALID_RANGE", message)
    elif field.length and field.type not in {"date", "datetime", "time", "boolean"}:
        long = content.str.len().gt(field.length)
        message = f"{field.label}: data value too large (max length={field.length})"
        out = _refuse(out, long, "STRING_TOO_LONG", message)
    if field.type == "email":
        wrong = content.notna() & ~content.str.strip().str.fullmatch(_EMAIL, na=False)
        out = _refuse(out, wrong, "INVALID_EMAIL_ADDRESS", f"{field.label}: invalid email address")
    if field.type in _PICKLISTS and field.is_restricted:
        message = f"{field.label}: bad value for restricted picklist field"
        out = _refuse(out, _unlisted(content, field), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message)
    if not field.nillable:
        message = f"Required fields are missing: [{field.name}]"
        out = _refuse(out, content.isna() & texts.isna(), "REQUIRED_FIELD_MISSING", message)
    return out


def _trimmed(values: pd.Series) -> pd.Series:
    """Return texts without the blanks around them, which Salesforce does not keep either; of nothing else, nothing."""
    texts = values.str.strip()
    return texts.mask(texts == "")


def _converted(texts: pd.Series, link: FieldLink, field: FieldDescription) -> pd.Series:
    """Return the values as Salesforce takes them, missing where there is none or it does not convert."""
    if link.field_type is FieldType.YES_NO or field.type == "boolean":
        return _yes_or_no(texts, field, opposite=link.opposite)
    if field.type in NUMBER_TYPES:
        numbers = _plain_number(texts.where(texts.str.fullmatch(_NUMBER, na=False)))
        return numbers.where(numbers.str.fullmatch(r"-?[0-9]+", na=False)) if field.type == "int" else numbers
    if field.type == "date":
        days = texts.str.slice(0, 10)
        fits = texts.str.match(_DATE) & pd.to_datetime(days, format="%Y-%m-%d", errors="coerce").notna()
        return days.where(fits.fillna(False).astype("bool"))
    if field.type == "datetime":
        return _moments(texts)
    # A value that is no time would make Salesforce refuse all records of its collection.
    return _times(texts) if field.type == "time" else texts


def _yes_or_no(texts: pd.Series, field: FieldDescription, *, opposite: bool) -> pd.Series:
    words = texts.str.strip().str.lower()
    yes = words.isin(YES)
    # Nothing said is No, as on the way here.
    known = yes | words.isin(NO) | words.isna()
    yes = yes & ~opposite | ~yes & opposite
    lower = {value.lower(): value for value in field.picklist_values}
    spelt = ("true", "false") if field.type == "boolean" or "true" in lower else ("Y", "N")
    say_yes, say_no = (lower.get(word.lower(), word) for word in spelt)
    return yes.map({True: say_yes, False: say_no}).where(known).astype("str")


def _plain_number(texts: pd.Series) -> pd.Series:
    """Spell equal numbers alike, with every digit kept."""
    plain = texts.str.removeprefix("+")
    if (powers := plain.str.contains("[eE]", na=False)).any():
        plain = plain.mask(powers, plain[powers].map(_without_power).astype("str"))
    plain = plain.str.replace(r"(\.[0-9]*?)0+$", r"\1", regex=True).str.replace(r"\.$", "", regex=True)
    plain = plain.str.replace(r"^(-?)0+(?=[0-9])", r"\1", regex=True).str.replace(r"^(-?)\.", r"\g<1>0.", regex=True)
    return plain.mask(plain == "-0", "0")


def _without_power(text: str) -> str:
    """Return 1.2E-5 as 0.000012, digit by digit; what is no number, or a monstrous one, as it is."""
    with suppress(InvalidOperation):
        number = Decimal(text)
        if number.is_finite() and abs(number.adjusted()) <= _LONGEST_NUMBER:
            return f"{number:f}"
    return text


def _moments(texts: pd.Series) -> pd.Series:
    """Return datetimes in UTC as Salesforce spells them; one without a zone is UTC."""
    moments = pd.to_datetime(texts, format="ISO8601", utc=True, errors="coerce")
    return moments.dt.strftime(_FORM).astype("str")


def _times(texts: pd.Series) -> pd.Series:
    """Return times of day as Salesforce spells them, in UTC; seconds may be left out."""
    parts = texts.str.extract(_TIME)
    hours_and_minutes, seconds = parts[0], parts[1].fillna("00")
    return hours_and_minutes + ":" + seconds + "." + parts[2].fillna("").str.pad(3, "right", "0") + "Z"


def _as_sets(texts: pd.Series) -> pd.Series:
    """Put the parts of each multi-select list in one order; of the few different lists, each once."""
    ordered = {
        text: ";".join(sorted({part.strip() for part in text.split(";")} - {""})) for text in texts.dropna().unique()
    }
    return texts.map(ordered).astype("str")


def _unlisted(content: pd.Series, field: FieldDescription) -> pd.Series:
    allowed = {value.lower() for value in field.picklist_values}
    parts = field.type == "multipicklist"
    wrong = [
        text
        for text in content.dropna().unique()
        if not {part.strip().lower() for part in (text.split(";") if parts else [text])} <= allowed
    ]
    return content.isin(wrong)


def _refuse(out: Outgoing, where: pd.Series, code: str, message: str) -> Outgoing:
    """Note the refusal where there is none yet: Salesforce too names the first it finds."""
    new = where.astype("bool") & out.code.isna()
    return Outgoing(out.content, out.code.mask(new, code), out.message.mask(new, message))


def _nothing(like: pd.Series) -> pd.Series:
    return pd.Series(None, index=like.index, dtype="str")

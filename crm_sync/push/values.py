"""The mapping in reverse: customer values to Salesforce values."""

from contextlib import suppress
from decimal import Decimal, InvalidOperation

import pandas as pd

from crm_sync.mapping.customer_fields import FieldType
from crm_sync.mapping.model import FieldLink
from crm_sync.mapping.transform import convert
from crm_sync.mapping.words import NO, NUMBER_TYPES, YES, plain_type
from crm_sync.salesforce.schema.describe import FieldDescription
from crm_sync.salesforce.write.records import CLEAR

# How fields that are no checkbox spell yes and no.
_SPELLINGS = (("true", "false"), ("Y", "N"), ("Yes", "No"), ("1", "0"))
_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_LONGEST_NUMBER = 40
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"\A((?:[01][0-9]|2[0-3]):[0-5][0-9])(?::([0-5][0-9])(?:\.([0-9]{1,3})[0-9]*)?)?Z?\Z"
_FORM = "%Y-%m-%dT%H:%M:%S.000Z"


def comparable(values: pd.Series, link: FieldLink, described_type: str) -> pd.Series:
    """Return a customer's values (text, missing when empty) in the one form in which equal ones are alike."""
    texts = _trimmed(values)
    if link.field_type is FieldType.YES_NO or (link.field_type is None and described_type == "boolean"):
        return texts.str.lower().fillna("false")
    if link.field_type is FieldType.DATE:
        return texts
    if plain_type(described_type) in NUMBER_TYPES:
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


def to_salesforce(values: pd.Series, link: FieldLink, field: FieldDescription) -> tuple[pd.Series, pd.Series]:
    """Convert a customer's values (text, missing when empty) for one field.

    Returns the values as Salesforce takes them, CLEAR to clear the field, and which of them do not convert (boolean);
    nothing converts for a field without a type.
    """
    texts = _trimmed(values)
    if not field.type:
        return texts.fillna(CLEAR), pd.Series(True, index=values.index)
    content = _converted(texts, link, field)
    return content.fillna(CLEAR), texts.notna() & content.isna()


def _trimmed(values: pd.Series) -> pd.Series:
    """Return texts without the blanks around them, which Salesforce does not keep either; of nothing else, nothing."""
    texts = values.str.replace("\0", "", regex=False).str.strip()
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
    # No answer is No, as in a pull.
    known = yes | words.isin(NO) | words.isna()
    yes = yes & ~opposite | ~yes & opposite
    lower = {value.lower(): value for value in field.picklist_values}
    pairs = [pair for pair in _SPELLINGS if {word.lower() for word in pair} & lower.keys()]
    spelt = ("true", "false") if field.type == "boolean" else (pairs or [("Y", "N")])[0]
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
    """Return 1.2E-5 as 0.000012, digit by digit; a text that is no number, or a monstrous one, stays as it is."""
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

"""Names that a person types, held against those that exist: in any case, without blanks around, never guessed."""

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches

from crm_sync.mapping.customer_fields import CUSTOMER_FIELDS

# The fields that a selection may ask for besides the option fields.
SELECTABLE = (*CUSTOMER_FIELDS, "status", "mail_status")
# Whoever may see Prefect's runs sees what is typed into their forms: no value by which one person is found.
PERSONAL = frozenset(
    {
        "email_address",
        "alternate_email_address",
        "user_name",
        "external_id",
        "firstname",
        "middlename",
        "lastname",
        "initials",
        "contact_man",
        "work_phone",
        "work_mobile",
        "home_phone",
        "mobile_phone",
        "fax_number",
    }
)
_SHOWN = 10
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def same_name(typed: str, known: Iterable[str]) -> str | None:
    """Return the known name that was typed: letter by letter, else in another case; None when there is none."""
    names, typed = list(known), typed.strip()
    if typed in names:
        return typed
    return next((name for name in names if name.casefold() == typed.casefold()), None)


def find_field(typed: str, options: Collection[str]) -> str | None:
    """Return the customer field or option field that was typed, also in Deployteq's own spelling (`emailAddress`)."""
    snake = _HUMP.sub("_", typed.strip())
    return same_name(typed, [*SELECTABLE, *options]) or same_name(snake, SELECTABLE)


def did_you_mean(typed: str, known: Iterable[str]) -> str:
    """Return the question for a misspelt name, or nothing when no known name is near."""
    by_plain = {_plain(name): name for name in known}
    near = get_close_matches(_plain(typed), by_plain, n=1)
    return f"; did you mean {by_plain[near[0]]}?" if near else ""


def listed(names: Iterable[str]) -> str:
    """Return names with commas between them, so many as a sentence takes."""
    every = list(names)
    more = f" and {len(every) - _SHOWN:,} more" if len(every) > _SHOWN else ""
    return ", ".join(every[:_SHOWN]) + more


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()

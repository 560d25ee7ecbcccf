"""More noes than usual: they are carried out, and a person is alerted, since a mistake looks the same."""

from sqlalchemy import Connection, func, select

from crm_sync.consent_words import Kind, Said
from crm_sync.database.dialects import insert_for
from crm_sync.database.tables.consent import consent_event, installation
from crm_sync.database.tables.customers import customer

# More than this at once is reported, or held back: a share of the customers, and at least so many.
_SHARE, _AT_LEAST = 0.01, 50
_REPORTED_UNTIL = "consent_reported_until"
_SAID = [Kind.PERSON.value, Kind.USER.value]


def take_many_noes(connection: Connection) -> int:
    """Return how many noes were said since this was last asked, if they are more than usual; else 0.

    Noes that were only found do not count, nor whatever was said before the first time, which is the end of a first
    sync. The ledger's numbers grow, so only its end is read.
    """
    last = connection.scalar(select(func.max(consent_event.c.id))) or 0
    known = connection.scalar(select(installation.c.value).where(installation.c.name == _REPORTED_UNTIL))
    if known is not None and int(known) == last:
        return 0
    insert = insert_for(connection, installation).values(name=_REPORTED_UNTIL, value=str(last))
    connection.execute(insert.on_conflict_do_update(index_elements=["name"], set_={"value": insert.excluded.value}))
    if known is None:
        return 0
    is_new = consent_event.c.id > int(known)
    is_said = (consent_event.c.said == Said.NO.value, consent_event.c.kind.in_(_SAID))
    number = connection.scalar(select(func.count()).where(is_new, *is_said)) or 0
    return number if number > most_at_once(connection, number) else 0


def most_at_once(connection: Connection, number: int) -> int:
    """Return how many people may change their mind at once; the customers are counted only for a number beyond it."""
    if number <= _AT_LEAST:
        return _AT_LEAST
    return max(_AT_LEAST, int((connection.scalar(select(func.count()).select_from(customer)) or 0) * _SHARE))

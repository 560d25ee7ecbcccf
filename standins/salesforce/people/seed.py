"""Invented people, the same ones for the same seed, with everything that makes real data difficult."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

from standins.salesforce.ids import make_id
from standins.salesforce.org.org import Org
from standins.salesforce.soql.sql import Value, stamp

CONTACT_SHARE = 0.6
_EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
_SPAN_SECONDS = 2 * 365 * 24 * 3600
_STAMPS = 5_000

_FIRST_NAMES = (
    "Anna", "Bram", "Chloé", "Daan", "Eva", "Finn", "Guus", "Hanna", "İpek", "Jürgen", "Kees", "Lotte", "Mohammed",
    "Noor", "Olga", "Piotr", "Quinten", "Renée", "Søren", "Tess", "Umut", "Veerle", "Willem", "Xander", "Yara", "Zoë",
    "さくら", "محمد", "נועה", "Ольга", "Emma 🌷", None,
)  # fmt: skip
_LAST_NAMES = (
    "de Vries", "Jansen", "van den Berg", "Bakker", "O'Brien", "Müller", "García", "Nguyễn", "Østergaard", "Kowalski",
    "Smith-Jones", "van 't Hof", "Çelik", "Dubois", "山田", "الحسن", "כהן", "Петрова", "Visser", "Smit", "Meijer",
    "Mulder", "None", "NA", "null", "N/A", "NaN", "Null", "True", '"Quote" Comma, Jr.',
)  # fmt: skip
_STREETS = (
    "Dorpsstraat {}", "Kerkweg {}\nBackyard", 'Laan van "Nieuw" Oost, {}', "Hoofdstraat {}, 2nd floor",
    "Rue de l'Été {}",
)  # fmt: skip
_PLACES = (
    ("Utrecht", "3511", "Netherlands"), ("Amsterdam", "1012", "Netherlands"), ("Gent", "9000", "Belgium"),
    ("Köln", "50667", "Germany"), ("Kraków", "30-001", "Poland"), (None, None, None),
)  # fmt: skip
_DESCRIPTIONS = (
    None, None, None, "MirrorMatch at the fair", "Line one\nline two", 'Said "call me", twice;\r\nthen left',
    "100% = sure, a,b,c",
)  # fmt: skip
_COMPANIES = ("Bloem & Zn.", "Acme, Inc.", 'Fiets "Snel" BV', "Søster ApS", "N/A")
_INDUSTRIES = (None, "Banking", "Education", "Biotechnology")
_DOMAINS = ("example.com", "example.org", "mail.example.net")
_INTERESTS = (None, "Art", "Books;Music", "Cycling;Travel;Art", "Gardening")
_NEWSLETTER = ("Y", "N", None)
_OPT_IN_SHARE, _OPTED_OUT_SHARE = 0.5, 0.05
_NO_EMAIL_SHARE, _SAME_EMAIL_SHARE, _MESSY_EMAIL_SHARE = 0.03, 0.05, 0.03
_DELETED_SHARE, _MERGED_SHARE, _CONVERTED_SHARE = 0.01, 0.005, 0.08

_COLUMNS = (
    "n", "Id", "LastName", "FirstName", "Salutation", "Email", "Phone", "MobilePhone", "Title", "LeadSource",
    "Description", "HasOptedOutOfEmail", "Email_Opt_In__c", "Newsletter__c", "Interests__c", "Score__c",
    "Lifetime_Value__c", "Last_Visit__c", "Customer_Number__c", "CreatedDate", "CreatedById", "LastModifiedDate",
    "LastModifiedById", "SystemModstamp", "IsDeleted", "MasterRecordId",
)  # fmt: skip
_CONTACT_COLUMNS = (
    *_COLUMNS, "AccountId", "Birthdate", "MailingStreet", "MailingCity", "MailingPostalCode", "MailingCountry",
)  # fmt: skip
_ACCOUNT_COLUMNS = (
    "n", "Id", "Name", "Type", "Industry", "Website", "NumberOfEmployees", "BillingStreet", "BillingCity",
    "BillingPostalCode", "BillingCountry", "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById",
    "SystemModstamp",
)  # fmt: skip
_LEAD_COLUMNS = (
    *_COLUMNS, "Company", "Status", "AnnualRevenue", "NumberOfEmployees", "Street", "City", "PostalCode", "Country",
    "IsConverted", "ConvertedDate", "ConvertedContactId", "ConvertedAccountId",
)  # fmt: skip


_ID_COLUMNS = ("Id", "MasterRecordId", "AccountId", "ConvertedContactId", "ConvertedAccountId")
_BLOCK = 20_000
_BLOCK_IDS = 62**5
_PER_ACCOUNT = 5
_NO_ACCOUNT = 10


def seed(org: Org, records: int, seed_number: int = 1, *, contacts_only: bool = False) -> None:
    """Fill an empty org with `records` people: 60 contacts to 40 leads, or contacts only; most contacts have accounts.

    Only the first 20,000 are invented; the others are copies with Ids and addresses of their own, because
    SQLite copies many times faster than Python invents.
    """
    share = 1.0 if contacts_only else CONTACT_SHARE
    block_contacts, contacts = round(min(records, _BLOCK) * share), round(records * share)
    block_leads, leads = min(records, _BLOCK) - block_contacts, records - contacts
    people = _People(seed_number, org.user_id, block_contacts)
    blocks, rest = divmod(contacts, block_contacts)
    block_accounts = _accounts(block_contacts)
    org.records.load("Account", _ACCOUNT_COLUMNS, people.accounts(block_accounts))
    _copy(org, "Account", _ACCOUNT_COLUMNS, block_accounts, blocks * block_accounts + _accounts(rest))
    org.records.load("Contact", _CONTACT_COLUMNS, people.contacts())
    _copy(org, "Contact", _CONTACT_COLUMNS, block_contacts, contacts)
    if leads:
        org.records.load("Lead", _LEAD_COLUMNS, people.leads(block_leads))
        _copy(org, "Lead", _LEAD_COLUMNS, block_leads, leads)


def _accounts(contacts: int) -> int:
    return contacts // _PER_ACCOUNT + 1 if contacts else 0


def _account_id(contact: int) -> str | None:
    return make_id("001", contact // _PER_ACCOUNT + 1) if contact % _NO_ACCOUNT else None


def _copy(org: Org, sobject: str, columns: tuple[str, ...], block: int, total: int) -> None:
    """An Id's middle characters are those of the copy, its last five those of the person, so SQL can build new Ids."""
    shifted = {name: _shifted_id(name) for name in _ID_COLUMNS}
    shifted |= {
        "n": "n + :first",
        "Email": "REPLACE(Email, '@', :mark || '@')",
        "Customer_Number__c": "Customer_Number__c || :mark",
    }
    for copy, first in enumerate(range(block, total, block), start=1):
        example = make_id("000", copy * _BLOCK_IDS)
        parameters: dict[str, Value] = {
            "first": first,
            "mark": f".{copy}",
            "middle": example[5:10],
            "check": example[16],
        }
        expressions = {name: shifted.get(name, f'"{name}"') for name in columns}
        org.records.copy(sobject, expressions, parameters, min(block, total - first))


def _shifted_id(name: str) -> str:
    return f"SUBSTR({name}, 1, 5) || :middle || SUBSTR({name}, 11, 6) || :check || SUBSTR({name}, 18, 1)"


class _People:
    def __init__(self, seed_number: int, user_id: str, contacts: int) -> None:
        # Not for secrets: the same people every time is the point.
        self._random = Random(seed_number)  # noqa: S311
        self._user_id = user_id
        self._contacts = contacts
        self._stamps = [stamp(_EPOCH + timedelta(seconds=i * _SPAN_SECONDS // _STAMPS)) for i in range(_STAMPS)]
        self._dates = [(datetime(1940, 1, 1) + timedelta(days=i)).date().isoformat() for i in range(25_000)]  # noqa: DTZ001

    def contacts(self) -> Iterator[tuple[Value, ...]]:
        """Yield a row for each contact."""
        draw, dates = self._random.random, self._dates
        for n in range(1, self._contacts + 1):
            city, code, country = _PLACES[int(draw() * len(_PLACES))]
            street = _STREETS[n % len(_STREETS)].format(n % 400) if city else None
            yield (
                *self._person("003", n, self._email("contact", n, n - 1)),
                _account_id(n),
                dates[int(draw() * len(dates))] if n % 4 else None,
                street, city, code, country,
            )  # fmt: skip

    def accounts(self, count: int) -> Iterator[tuple[Value, ...]]:
        """Yield a row for each account; without chance, so that the people stay as they are."""
        for n in range(1, count + 1):
            city, code, country = _PLACES[n % len(_PLACES)]
            company, modified = _COMPANIES[n % len(_COMPANIES)], self._stamps[n * 7 % _STAMPS]
            yield (
                n, make_id("001", n),
                f"{company} {n}" if n % 3 else company,
                "Prospect" if n % 2 else None,
                _INDUSTRIES[n % len(_INDUSTRIES)],
                f"https://www.{n}.example.com" if n % 4 else None,
                n % 500 if n % 7 else None,
                _STREETS[n % len(_STREETS)].format(n % 400) if city else None, city, code, country,
                self._stamps[0], self._user_id, modified, self._user_id, modified,
            )  # fmt: skip

    def leads(self, count: int) -> Iterator[tuple[Value, ...]]:
        """Yield a row for each lead; a converted one shares the address of its contact."""
        draw = self._random.random
        for n in range(1, count + 1):
            place = _PLACES[int(draw() * len(_PLACES))]
            earlier = min(n, self._contacts)
            twin = int(draw() * earlier) + 1 if earlier and draw() < _CONVERTED_SHARE else 0
            # Conversion gives every contact an account, so a contact without one was never a lead.
            if twin and twin % _NO_ACCOUNT == 0:
                twin -= 1
            email = _address("contact", twin) if twin else self._email("lead", n, earlier)
            yield (
                *self._person("00Q", n, email),
                _COMPANIES[n % len(_COMPANIES)],
                "Closed - Converted" if twin else "Working - Contacted",
                float(n % 1000 * 1000) if n % 3 else None,
                n % 500 if n % 7 else None,
                _STREETS[n % len(_STREETS)].format(n % 400) if place[0] else None, *place,
                int(twin > 0),
                "2026-01-15" if twin else None,
                make_id("003", twin) if twin else None,
                _account_id(twin) if twin else None,
            )  # fmt: skip

    def _person(self, prefix: str, n: int, email: str | None) -> tuple[Value, ...]:
        draw, user_id = self._random.random, self._user_id
        luck = draw()
        merged = luck < _MERGED_SHARE and n > 1
        modified = self._stamps[int(draw() * _STAMPS)]
        created = self._stamps[0] if n % 2 else modified
        return (
            n,
            make_id(prefix, n),
            _LAST_NAMES[int(draw() * len(_LAST_NAMES))],
            _FIRST_NAMES[int(draw() * len(_FIRST_NAMES))],
            "Ms." if n % 3 else None,
            email,
            f"+31 30 {n % 10_000_000:07}" if n % 5 else None,
            f"06{n % 100_000_000:08}" if n % 6 else None,
            "Head of \"Growth\", EMEA" if n % 50 == 0 else "Buyer",
            "Web" if n % 2 else "Other",
            _DESCRIPTIONS[n % len(_DESCRIPTIONS)],
            int(draw() < _OPTED_OUT_SHARE),
            int(draw() < _OPT_IN_SHARE),
            _NEWSLETTER[n % len(_NEWSLETTER)],
            _INTERESTS[n % len(_INTERESTS)],
            n % 1000 / 10 if n % 4 else None,
            n % 5000 + 0.5 if n % 3 else None,
            modified if n % 2 else None,
            f"C{n:08}" if n % 10 == 0 else None,
            created, user_id, modified, user_id, modified,
            int(merged or luck < _MERGED_SHARE + _DELETED_SHARE),
            make_id(prefix, n - 1) if merged else None,
        )  # fmt: skip

    def _email(self, kind: str, n: int, others: int) -> str | None:
        """Some have none, some share the address of another contact, some write it in their own way."""
        luck = self._random.random()
        if luck < _NO_EMAIL_SHARE:
            return None
        luck -= _NO_EMAIL_SHARE
        if luck < _SAME_EMAIL_SHARE and others:
            address = _address("contact", int(self._random.random() * others) + 1)
        else:
            address = _address(kind, n)
        if self._random.random() < _MESSY_EMAIL_SHARE:
            return address.upper() if n % 2 else f" {address} "
        return address


def _address(kind: str, n: int) -> str:
    return f"{kind}.{n}@{_DOMAINS[n % len(_DOMAINS)]}"

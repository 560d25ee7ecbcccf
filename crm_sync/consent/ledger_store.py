"""The consent ledger in the database: what was said, which noes stand, and which yeses wait to be judged."""

from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd
from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    case,
    delete,
    exists,
    literal,
    or_,
    select,
    true,
    update,
)

from crm_sync.consent.rule import find_lifted
from crm_sync.consent_words import Cause, Kind, Said, Side
from crm_sync.database.dialects import insert_for
from crm_sync.database.frames import frame_of
from crm_sync.database.staging import stage
from crm_sync.database.tables.consent import address_consent, consent_candidate, consent_event
from crm_sync.database.tables.customers import Instant, salesforce_record

_PLACE = ["address_hash", "channel", "side", "reference"]
_EVENT = [*_PLACE, "customer_id", "said", "kind", "cause", "not_before", "not_after"]
_ONLY_PERSON = [cause.value for cause in Cause if cause.only_person_lifts]


@dataclass(frozen=True)
class Judged:
    """What judging the waiting yeses came to.

    `hashes`: the addresses of the yeses that were judged. `lifted`: `address_hash`, `side` (of the yes), `cause` (of
    the no), one row for each no that was lifted.
    `held_back`: lifting yeses that wait until a person approves, since they are too many at once. `many_noes`: noes
    said since the last time, when they are more than usual.
    """

    lifted: pd.DataFrame = field(default_factory=lambda: pd.DataFrame({"address_hash": [], "side": [], "cause": []}))
    held_back: int = 0
    hashes: pd.Series = field(default_factory=lambda: pd.Series(dtype="Int64"))
    many_noes: int = 0


def enter_sayings(connection: Connection, sayings: pd.DataFrame, *, run: int | None, now: datetime) -> None:
    """Enter what was said into the ledger; a no stands from now on, a yes waits to be judged.

    `sayings`: `address_hash` (whole number), `channel`, `side`, `reference` (text, empty when there is none),
    `said`, `kind`, `cause` (text), `not_after` (datetime), and as far as known `customer_id` (whole number) and
    `not_before` (datetime). One row for each place at most.
    """
    if sayings.empty:
        return
    sayings = sayings.reindex(columns=_EVENT)
    staged = _stage(connection, "staged_saying", sayings)
    _append(connection, staged, run, now)
    if sayings["said"].eq(Said.NO.value).any():
        _stand(connection, staged, staged.c.said == Said.NO.value, now)
    yeses = sayings[sayings["said"].eq(Said.YES.value) & sayings["kind"].isin([Kind.PERSON.value, Kind.USER.value])]
    _await_judgement(connection, yeses, now)


def affirm(connection: Connection, readings: pd.DataFrame, *, now: datetime) -> None:
    """Let a no that may have been said again stand from its record's last edit on.

    `readings`: `address_hash`, `channel`, `side`, `reference`, `not_after`. A record that says no without a no of its
    own (another side's no was delivered to it) has one from now on.
    """
    stand(connection, readings.assign(cause=Cause.EDITED.value), now)


def drop_candidates(connection: Connection, places: pd.DataFrame) -> None:
    """Forget waiting yeses of places that said no since. `places`: `address_hash`, `channel`, `side`, `reference`."""
    if places.empty or not connection.scalar(select(exists(select(consent_candidate.c.id)))):
        return
    staged = _stage(connection, "staged_place", places[_PLACE])
    same = and_(*(consent_candidate.c[name] == staged.c[name] for name in _PLACE))
    connection.execute(delete(consent_candidate).where(exists(select(literal(1)).select_from(staged).where(same))))


def carry_over(connection: Connection, moved: pd.DataFrame, *, run: int | None, now: datetime) -> None:
    """Let the noes of an address stand for the address that its person has now as well, as if said with the change.

    `moved`: `old_hash`, `new_hash` (whole numbers), `moved_at` (datetime).
    """
    if moved.empty:
        return
    hashes = ["old_hash", "new_hash"]
    last = moved.sort_values("moved_at").drop_duplicates(hashes, keep="last")[[*hashes, "moved_at"]]
    types = dict.fromkeys(hashes, address_consent.c.address_hash.type)
    staged = stage(connection, "staged_address", last, types)
    names = [*_PLACE[1:], "cause", "not_after"]
    there = address_consent.alias("there")
    is_there = and_(
        there.c.address_hash == staged.c.new_hash, *(there.c[name] == address_consent.c[name] for name in _PLACE[1:])
    )
    query = (
        select(
            staged.c.new_hash,
            *(address_consent.c[name] for name in names),
            staged.c.moved_at,
            there.c.not_after,
            there.c.cause,
        )
        .join_from(staged, address_consent, address_consent.c.address_hash == staged.c.old_hash)
        .join(there, is_there, isouter=True)
    )
    news = frame_of(connection.execute(query), [*_PLACE, "cause", "not_after", "moved_at", "stands_until", "stands_by"])
    if news.empty:
        return
    said, moved_at, until = (pd.to_datetime(news[one], utc=True) for one in ("not_after", "moved_at", "stands_until"))
    sayings = news.assign(
        said=Said.NO.value,
        kind=Kind.TECHNICAL.value,
        # What only the person can take back stays so.
        cause=news["cause"].where(news["cause"].isin(_ONLY_PERSON), Cause.ADDRESS_CHANGED.value),
        not_after=said.mask(said < moved_at, moved_at),
    )
    is_stricter = news["cause"].isin(_ONLY_PERSON) & ~news["stands_by"].isin(_ONLY_PERSON)
    is_news = ~(until >= sayings["not_after"]) | is_stricter
    sayings = sayings[is_news].sort_values("not_after").drop_duplicates(_PLACE, keep="last")
    enter_sayings(connection, sayings, run=run, now=now)


def judge_candidates(
    connection: Connection,
    *,
    users_may_lift: bool,
    most_lifts: int | None,
    lifted_before: int = 0,
    run: int | None,
    now: datetime,
) -> Judged:
    """Lift the noes that a waiting yes takes back, and forget the yeses that were judged.

    The caller has entered what every side said until now. `most_lifts`: with more lifting yeses than that none is
    carried out; they go on waiting until a person approves (None: approved). `lifted_before`: how many yeses of
    Salesforce users have lifted noes within a day.
    """
    yeses = _candidates(connection)
    if yeses.empty:
        return Judged()
    noes = _noes_of(connection, yeses)
    lifted = find_lifted(noes, yeses, users_may_lift=users_may_lift)
    if most_lifts is not None and _are_too_many(lifted, yeses, most_lifts, lifted_before):
        held = _stage_yeses(connection, lifted.drop_duplicates("yes_id"))
        connection.execute(update(consent_candidate).where(held).values(held_at=now))
        return Judged(held_back=int(lifted["yes_id"].nunique()))
    _lift(connection, lifted, noes, yeses, run=run, now=now)
    connection.execute(delete(consent_candidate).where(_stage_yeses(connection, yeses)))
    by_yes = yeses.set_index("yes_id").loc[lifted["yes_id"], ["address_hash", "side"]]
    causes = noes.set_index("no_id").loc[lifted["no_id"], "cause"]
    found = by_yes.assign(cause=causes.to_numpy()).reset_index(drop=True)
    return Judged(found, hashes=yeses["address_hash"].drop_duplicates())


def _are_too_many(lifted: pd.DataFrame, yeses: pd.DataFrame, most: int, before: int) -> bool:
    every: pd.Series = lifted["yes_id"].drop_duplicates()
    by_users = int(every.isin(yeses.loc[yeses["side"].eq(Side.SALESFORCE.value), "yes_id"]).sum())
    return len(every) > most or (by_users > 0 and by_users + before > most)


def _stage_yeses(connection: Connection, yeses: pd.DataFrame) -> ColumnElement[bool]:
    """Return the condition for the yeses of these ids."""
    staged = stage(connection, "staged_judged", yeses[["yes_id"]], {"yes_id": consent_candidate.c.id.type})
    return consent_candidate.c.id.in_(select(staged.c.yes_id))


def _candidates(connection: Connection) -> pd.DataFrame:
    """Return the yeses that wait to be judged; one that came with a merge or a conversion is only found, not said."""
    other, came = salesforce_record.c, consent_candidate.c
    into_it = or_(other.master_record_id == came.reference, other.converted_contact_id == came.reference)
    is_joined = exists(select(other.id).where(into_it, other.system_modstamp >= came.not_before))
    query = select(*came, is_joined.label("is_joined")).order_by(came.id)
    names = ["yes_id", *[column.name for column in came][1:], "is_joined"]
    yeses = frame_of(connection.execute(query), names)
    return yeses.assign(kind=yeses["kind"].mask(yeses["is_joined"].astype("bool"), Kind.SEEN.value))


def _noes_of(connection: Connection, yeses: pd.DataFrame) -> pd.DataFrame:
    """Return the standing noes of the addresses of some yeses, as `find_lifted` reads them."""
    types = {"address_hash": address_consent.c.address_hash.type}
    staged = stage(connection, "staged_yes", yeses[["address_hash"]].drop_duplicates(), types)
    record = salesforce_record.c
    says_no = {"email": record.says_no_email, "sms": record.says_no_sms}
    columns = [address_consent.c[name] for name in (*_PLACE, "cause", "since", "not_after", "seen_at")]
    query = (
        select(address_consent.c.id, *columns, record.is_deleted | record.is_converted, *says_no.values())
        .join_from(staged, address_consent, address_consent.c.address_hash == staged.c.address_hash)
        .join(salesforce_record, record.id == address_consent.c.reference, isouter=True)
    )
    names = ["no_id", *(column.name for column in columns), "is_gone", *says_no]
    found = frame_of(connection.execute(query), names)
    said = found["email"].where(found["channel"].eq("email"), found["sms"]).astype("boolean").fillna(False)
    # What was only written to the record is not said by it, and nobody can edit a converted lead.
    is_no_word = found["is_gone"].astype("boolean").fillna(True) | found["cause"].eq(Cause.DELIVERED.value)
    return found.assign(is_still_said=(said & ~is_no_word).astype(bool), only_person=found["cause"].isin(_ONLY_PERSON))


def _lift(
    connection: Connection,
    lifted: pd.DataFrame,
    noes: pd.DataFrame,
    yeses: pd.DataFrame,
    *,
    run: int | None,
    now: datetime,
) -> None:
    if lifted.empty:
        return
    by_yes = yeses.set_index("yes_id").loc[lifted["yes_id"]].reset_index(drop=True)
    taken_back = noes.set_index("no_id").loc[lifted["no_id"]].reset_index(drop=True)
    events = taken_back[_PLACE].assign(
        said=Said.YES.value,
        kind=Kind.TECHNICAL.value,
        cause=Cause.LIFTED.value,
        not_before=taken_back["since"],
        not_after=by_yes["seen_at"],
    )
    _append(connection, _stage(connection, "staged_lift", events.reindex(columns=_EVENT)), run, now)
    staged = stage(connection, "staged_lifted", lifted[["no_id"]], {"no_id": address_consent.c.id.type})
    connection.execute(delete(address_consent).where(address_consent.c.id.in_(select(staged.c.no_id))))


def _append(connection: Connection, staged: Table, run: int | None, now: datetime) -> None:
    values = [literal(now, Instant()), literal(run, consent_event.c.sync_run_id.type)]
    source = select(*(staged.c[name] for name in _EVENT), *values)
    connection.execute(consent_event.insert().from_select([*_EVENT, "seen_at", "sync_run_id"], source))


def stand(connection: Connection, noes: pd.DataFrame, now: datetime) -> None:
    """Let noes stand. `noes`: `address_hash`, `channel`, `side`, `reference`, `cause`, `not_after`; a place once."""
    if noes.empty:
        return
    # Without a WHERE, SQLite reads ON CONFLICT as part of the FROM clause.
    _stand(connection, _stage(connection, "staged_no", noes[[*_PLACE, "cause", "not_after"]]), true(), now)


def _stand(connection: Connection, noes: Table, which: ColumnElement[bool], now: datetime) -> None:
    moment = literal(now, Instant())
    names = [*_PLACE, "cause", "not_after", "since", "seen_at"]
    source = select(*(noes.c[name] for name in names[:-2]), noes.c.not_after, moment).where(which)
    insert = insert_for(connection, address_consent).from_select(names, source)
    new, old = insert.excluded, address_consent.c
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=_PLACE,
            set_={
                "not_after": case((old.not_after > new.not_after, old.not_after), else_=new.not_after),
                "seen_at": new.seen_at,
                # What only the person can take back stays so.
                "cause": case((old.cause.in_(_ONLY_PERSON), old.cause), else_=new.cause),
            },
        )
    )


def _await_judgement(connection: Connection, yeses: pd.DataFrame, now: datetime) -> None:
    if yeses.empty:
        return
    staged = _stage(connection, "staged_candidate", yeses[[*_PLACE, "kind", "not_before"]])
    names = [*_PLACE, "kind", "not_before", "seen_at"]
    source = select(*(staged.c[name] for name in names[:-1]), literal(now, Instant())).where(true())
    insert = insert_for(connection, consent_candidate).from_select(names, source)
    changes = {name: insert.excluded[name] for name in ("kind", "not_before", "seen_at")}
    connection.execute(insert.on_conflict_do_update(index_elements=_PLACE, set_=changes))


def _stage(connection: Connection, name: str, frame: pd.DataFrame) -> Table:
    numbers = {"address_hash": address_consent.c.address_hash.type, "customer_id": consent_event.c.customer_id.type}
    typed = frame.assign(**{one: frame[one].astype("Int64") for one in numbers if one in frame})
    moments = {one: pd.to_datetime(frame[one], utc=True) for one in ("not_before", "not_after") if one in frame}
    return stage(
        connection, name, typed.assign(**moments), {one: kind for one, kind in numbers.items() if one in frame}
    )

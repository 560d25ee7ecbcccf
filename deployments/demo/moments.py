"""Invented contact moments for customers that are there, so that the demo has something to export."""

from datetime import datetime

import numpy as np
import pandas as pd

from crm_sync.database.engine import CustomerDatabase
from crm_sync.moments.record_store import record_moments
from deployments.demo.customers import some_customers

_MAILINGS = (
    ("Spring offers", "Week 1", "Our spring offers for you"),
    ("Spring offers", "Reminder", "Have you seen our spring offers?"),
    ("Newsletter", "November", "What is new in November"),
    ("Service", "Welcome", "Welcome; this is how to begin"),
)
_OPENED, _CLICKED_IF_OPENED, _BOUNCED, _MACHINE = 0.45, 0.3, 0.04, 0.25


def demo_moments(database: CustomerDatabase, *, seed: int, now: datetime, customers: int = 300) -> int:
    """Record an e-mail of each of some mailings to some customers, and return how many moments are new or changed.

    The same seed, day and customers give the same moments; on a later day some are opened once more.
    """
    with database.transaction() as connection:
        ids = np.array(some_customers(connection, customers))
    return record_moments(database, _invented(ids, np.random.default_rng(seed), now), now)


def _invented(ids: np.ndarray, chance: np.random.Generator, now: datetime) -> pd.DataFrame:
    size = len(ids) * len(_MAILINGS)
    customers, mailings = np.tile(ids, len(_MAILINGS)), np.repeat(np.arange(len(_MAILINGS)), len(ids))
    bounced = chance.random(size) < _BOUNCED
    opened = (chance.random(size) < _OPENED) & ~bounced
    clicked = opened & (chance.random(size) < _CLICKED_IF_OPENED)
    machine = ~bounced & (chance.random(size) < _MACHINE)
    sent = pd.Series(pd.Timestamp(now).floor("D") - pd.to_timedelta(7 * (mailings + 1), unit="D"))
    after = pd.to_timedelta(pd.Series(chance.integers(60, 3 * 24 * 3600, size)), unit="s")
    days = (pd.Timestamp(now) - sent).dt.days.to_numpy()
    names = pd.DataFrame(_MAILINGS, columns=["campaign", "mailing", "subject"]).iloc[mailings].reset_index(drop=True)
    keys = [f"demo-{mailing}-{customer}" for mailing, customer in zip(mailings, customers, strict=True)]
    return names.assign(
        moment_id=keys,
        customer_id=customers,
        sent_at=sent,
        delivered_at=(sent + pd.Timedelta(seconds=20)).mask(bounced),
        first_opened_at=(sent + after).where(opened),
        last_opened_at=(sent + 2 * after).where(opened),
        opens=np.where(opened, 1 + days // 7, 0),
        first_machine_opened_at=(sent + pd.Timedelta(seconds=30)).where(machine),
        last_machine_opened_at=(sent + pd.Timedelta(seconds=30)).where(machine),
        machine_opens=machine.astype(int),
        first_clicked_at=(sent + after).where(clicked),
        last_clicked_at=(sent + after).where(clicked),
        clicks=clicked.astype(int),
        bounced_at=(sent + pd.Timedelta(seconds=40)).where(bounced),
        bounce_category=pd.Series("hard", index=sent.index).where(bounced),
        bounce_reason=pd.Series("550 mailbox unavailable", index=sent.index).where(bounced),
        online_version_url=[f"https://view.demo.example/{key}" for key in keys],
    )

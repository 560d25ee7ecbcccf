"""The customers of a push who stand at no: does Salesforce still hold that, as the push sees it?"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from crm_sync.consent_words import Channel
from crm_sync.mapping.model import MappingRules
from crm_sync.mapping.transform import says_no_of, unique_keys
from crm_sync.sobject import SObject

_BY_CUSTOMER = ["customer_id", "channel"]


def _nobody() -> pd.Series:
    return pd.Series(dtype="boolean")


@dataclass
class StandingNoes:
    """`records`: those that can hold the noes (`read_noes`); `is_held`: by customer, missing until Salesforce is asked;
    who stands at no for several channels is held for each of them."""

    records: pd.DataFrame = field(default_factory=pd.DataFrame)
    is_held: pd.Series = field(default_factory=_nobody)

    @property
    def in_doubt(self) -> bool:
        """Whether Salesforce is still to be asked."""
        return bool(self.is_held.isna().any())

    def begin(self, records: pd.DataFrame) -> None:
        """Start with nothing but what a pull read last of the customers."""
        self.records = records
        self.is_held = pd.Series(pd.NA, index=records["customer_id"].unique(), dtype="boolean")

    def ids_by_object(self) -> dict[SObject, list[str]]:
        """Return the records to ask for, by object."""
        if self.records.empty:
            return {}
        some = self.records[self.records["is_converted"].eq(False)]
        return {SObject(str(name)): list(ids.unique()) for name, ids in some.groupby("sobject")["record_id"]}

    def settle(self, current: pd.DataFrame) -> None:
        """Find whose no Salesforce holds; `current`: what it has of the records that it changed since the last pull.

        A converted lead holds one where no other record did when a pull read them: so it was found, and left.
        """
        noes = self.records
        there = current.reindex(noes["record_id"]).set_axis(noes.index)
        now = pd.Series(False, index=noes.index)
        for channel, rows in noes.groupby("channel"):
            now[rows.index] = there.loc[rows.index, str(channel)].eq(True).fillna(False).astype(bool)
        now &= there["is_live"].eq(True).fillna(False) & there["unique_key"].eq(noes["unique_key"]).fillna(False)
        by_channel = [noes[name] for name in _BY_CUSTOMER]
        is_changed = noes["record_id"].isin(current.index)
        said_no = noes["says_no"].eq(True).fillna(False).astype(bool)
        is_converted = noes["is_converted"].eq(True).fillna(False).astype(bool)
        is_found = is_converted & ~(said_no & ~is_converted).groupby(by_channel).transform("any")
        says_no = now.where(is_changed, said_no & (is_found | ~is_converted)).astype(bool)
        self.is_held = says_no.groupby(by_channel).any().groupby(level=0).all().astype("boolean")


def current_words(found: Mapping[SObject, pd.DataFrame], rules: MappingRules) -> pd.DataFrame:
    """Return what records say now, by Id, as `settle` takes it: `unique_key`, `is_live`, and for each channel whether
    it is a no. `found`: the fields as Salesforce gave them."""
    words = [pd.DataFrame(columns=["unique_key", "is_live", *Channel])]
    for sobject, records in found.items():
        is_gone = records["IsDeleted"].eq("true") | records.get("IsConverted", records["IsDeleted"]).eq("true")
        links = rules.consent_links(sobject)
        said = {channel.value: says_no_of(records[link.salesforce_field], link) for channel, link in links.items()}
        keys = unique_keys(records, rules.of(sobject).unique_link)
        words.append(pd.DataFrame({"unique_key": keys, "is_live": ~is_gone, **said}, index=records.index))
    return pd.concat(words)

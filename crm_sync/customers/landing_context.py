"""What is the same for every batch that a run lands."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from crm_sync.columns.address_hash import AddressHash
from crm_sync.consent_words import Channel
from crm_sync.mapping.model import MappingRules
from crm_sync.sobject import SObject


@dataclass(frozen=True)
class LandingContext:
    """What is the same for every batch of a run: the mapping, Salesforce's field types, the run and its clock.

    `hashes`: how e-mail addresses are hashed. `only_changed`: pass over records that are as the mirror has them.
    `overwrites`: write all linked fields of every record, also those that Salesforce did not change. `known_until`: by
    sObject, the moment up to which a pull before had brought every change. `new_consent`: sObjects whose links to
    consent are new, so that what they say is only found. `hidden_consent`: channels whose field Salesforce no longer
    shows; new customers get no. `stop_mailing`: customers who are deleted in Salesforce are mailed no more.
    `sets_aside`: keep records that would harm their customers for the end of the run. `none_is_left`: the records are
    gone, and with them all of their object. `read_from`: when the records were asked for, if a run before this one did.
    `clock`: the time at which something that was said here is noticed; `now`, if left out, is when the run began.
    """

    rules: MappingRules
    types: Mapping[SObject, Mapping[str, str]]
    sync_run_id: int
    now: datetime
    hashes: AddressHash
    only_changed: bool = False
    overwrites: bool = False
    known_until: Mapping[SObject, datetime] = field(default_factory=dict)
    new_consent: Collection[SObject] = ()
    hidden_consent: Collection[Channel] = ()
    stop_mailing: bool = True
    sets_aside: bool = False
    none_is_left: bool = False
    read_from: datetime | None = None
    clock: Callable[[], datetime] | None = None

    @property
    def read_at(self) -> datetime:
        """The moment from which on nothing is known of the records that are landed."""
        return min(self.now, self.read_from) if self.read_from else self.now

    @property
    def noticed_at(self) -> datetime:
        """The moment before which everything was said that is found here now."""
        return self.clock() if self.clock else self.now

    @property
    def maps_both(self) -> bool:
        """Whether leads and contacts are mapped."""
        return len(self.rules.mapped) == len(SObject)

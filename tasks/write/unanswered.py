"""Whether records may have been written though Salesforce did not say so."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from crm_sync.errors import LimitReachedError, RetriableError, UnknownOutcomeError


@dataclass
class Doubt:
    """Whether records may have been written by an attempt that got no answer."""

    exists: bool = False

    @contextmanager
    def arises_here(self) -> Iterator[None]:
        """Note that an attempt inside of this got no answer."""
        try:
            yield
        except RetriableError:
            self.exists = True
            raise

    @contextmanager
    def remains(self) -> Iterator[None]:
        """Tell a limit that was met in doubt from one that left nothing written."""
        try:
            yield
        except LimitReachedError as cut:
            if self.exists:
                raise UnknownOutcomeError(str(cut), code=cut.code, until=cut.until) from cut
            raise

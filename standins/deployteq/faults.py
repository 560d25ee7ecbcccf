"""How a call is refused, and the troubles that a client can be given on demand."""

from dataclasses import dataclass, field

BAD_ARGUMENT, ALREADY_DONE, UNKNOWN_TOKEN, NOT_FOUND = 105, 107, 202, 213


class SoapFault(Exception):
    """A refusal, with its number, or with a word where the service itself has none."""

    def __init__(self, code: int | str, text: str) -> None:
        """Keep both as they go into `faultcode` and `faultstring`."""
        super().__init__(text)
        self.code = str(code)
        self.text = text


@dataclass
class Trouble:
    """What happens to the next `times` calls of an operation (of any one, if it is empty).

    `action`: `reset` (before the work is done), `reset after` it, `hold` (no answer until the client is gone, and no
    work), `hold after` it, `truncate` the answer, `html` page in a 500, `status` (with `Retry-After: 1`), `fault`.
    `status` is the HTTP status of that answer, or the number of the fault. `skip`: so many calls before go well;
    `more_than`: only calls with more customers than that are meant.
    """

    action: str
    operation: str = ""
    status: int = 503
    times: int = 1
    skip: int = 0
    more_than: int = -1


@dataclass
class Troubles:
    """The troubles that wait for their call."""

    waiting: list[Trouble] = field(default_factory=list)

    def add(self, *troubles: Trouble) -> None:
        """Let these happen, each as often as it says."""
        self.waiting.extend(troubles)

    def due(self, operation: str, customers: int = 0) -> Trouble | None:
        """Return the trouble of this call, which is about so many customers, and count it."""
        for trouble in self.waiting:
            is_meant = trouble.operation in {"", operation} and customers > trouble.more_than
            if is_meant and trouble.skip > 0:
                trouble.skip -= 1
            elif is_meant and trouble.times > 0:
                trouble.times -= 1
                return trouble
        return None

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

    `action`: `reset` (before the work is done), `reset after` it, `truncate` the answer, `html` page in a 500, `status`
    (with `Retry-After: 1`), `fault`. `status` is the HTTP status of that answer, or the number of the fault.
    """

    action: str
    operation: str = ""
    status: int = 503
    times: int = 1


@dataclass
class Troubles:
    """The troubles that wait for their call."""

    waiting: list[Trouble] = field(default_factory=list)

    def add(self, *troubles: Trouble) -> None:
        """Let these happen, each as often as it says."""
        self.waiting.extend(troubles)

    def due(self, operation: str) -> Trouble | None:
        """Return the trouble of this call, and count it."""
        for trouble in self.waiting:
            if trouble.operation in {"", operation} and trouble.times > 0:
                trouble.times -= 1
                return trouble
        return None

"""Requests that fail on purpose."""

import re
import threading
from dataclasses import dataclass, field
from typing import Any
from typing import Literal as OneOf

Action = OneOf["reset", "reset_after", "truncate", "delay", "html", "empty", "status", "expire_session"]


@dataclass
class Fault:
    """One rule: which request fails, and how.

    `path` is a regular expression searched in path and query; the `nth` request that matches is the first to
    fail, and then `times` of them do. `reset` cuts the connection unanswered, `reset_after` when the work is
    done; `truncate` sends `keep` bytes of the body; `delay` waits `seconds` and then answers; `html` and
    `empty` answer with `status`, as does `status`, with `body` as JSON; `expire_session` ends all sessions.
    An `inner` rule is about the subrequests of a composite, and can only be a `status`.
    """

    action: Action
    method: str | None = None
    path: str = ""
    nth: int = 1
    times: int = 1
    status: int = 503
    body: Any = field(default_factory=list)
    seconds: float = 0.0
    keep: int = 100
    inner: bool = False

    def __post_init__(self) -> None:
        """Refuse an action that a subrequest cannot have."""
        if self.inner and self.action != "status":
            raise ValueError("a subrequest can only fail with a status")

    def matches(self, method: str, path: str, *, inner: bool) -> bool:
        """Return whether this rule is about such a request."""
        about = self.inner == inner and self.method in (None, method)
        return about and re.search(self.path, path) is not None


class Faults:
    """Rules in a queue: the first that is due for a request is used up by it."""

    def __init__(self) -> None:
        """Start without a rule."""
        self._lock = threading.Lock()
        self._rules: list[Fault] = []

    def add(self, *rules: Fault) -> None:
        """Queue rules; a rule belongs to this queue from then on."""
        with self._lock:
            self._rules.extend(rules)

    def clear(self) -> None:
        """Remove all rules."""
        with self._lock:
            self._rules.clear()

    def due(self, method: str, path: str, *, inner: bool = False) -> Fault | None:
        """Return the rule for this request, and count it."""
        with self._lock:
            for rule in self._rules:
                if not rule.matches(method, path, inner=inner):
                    continue
                if rule.nth > 1:
                    rule.nth -= 1
                    continue
                rule.times -= 1
                if rule.times <= 0:
                    self._rules.remove(rule)
                return rule
        return None

"""The process that a push runs in, and whether another one is still alive."""

import os
from contextlib import suppress
from socket import gethostname

import psutil

# A clock that is set while a process runs moves its start; so soon no other process gets its number.
_SECONDS_APART = 60.0


def process_token() -> str:
    """Name this process so that no other one, here or elsewhere, now or later, has its name."""
    return f"{gethostname()} {os.getpid()} {psutil.Process().create_time()}"


def is_alive(token: str) -> bool:
    """Return whether a process of this machine still runs; of any other machine nothing is known, so it does."""
    with suppress(ValueError):
        host, number, started = token.rsplit(" ", 2)
        if host == gethostname():
            try:
                return abs(psutil.Process(int(number)).create_time() - float(started)) < _SECONDS_APART
            except psutil.NoSuchProcess:
                return False
    return True

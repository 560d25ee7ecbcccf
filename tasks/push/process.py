"""The process a push runs in, and whether the one that another push ran in still lives."""

import os
from contextlib import suppress
from pathlib import Path
from socket import gethostname

_PROCESSES = Path("/proc")
# Place of the start time in /proc/<pid>/stat, counted behind the command's closing parenthesis (man 5 proc).
_START_TIME = 19


def process_token() -> str:
    """Name this process so that no other one, here or elsewhere, now or later, has its name."""
    return f"{gethostname()} {os.getpid()} {_started(os.getpid())}"


def lives(process: str) -> bool:
    """Tell whether a process of this machine is still there; of any other one it cannot be known, so it is."""
    host, _, rest = process.rpartition(" ")[0].rpartition(" ")
    started = process.rpartition(" ")[2]
    if host != gethostname() or not _PROCESSES.is_dir() or not rest.isdecimal():
        return True
    return _started(int(rest)) == started


def _started(pid: int) -> str:
    with suppress(OSError, IndexError):
        return (_PROCESSES / str(pid) / "stat").read_text().rpartition(")")[2].split()[_START_TIME]
    return "-"

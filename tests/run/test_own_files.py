"""What a killed run has left in the folder for temporary files is gone at the next start, and its users' alone."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from crm_sync.errors import DatabaseUnavailableError
from crm_sync.own_files import own_folder, remove_remains

_KILLED = """
import sys, time
from crm_sync.own_files import own_folder
with own_folder("test") as folder:
    (folder / "people.csv").write_text("ada@x.org")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def _make_old(folder: Path) -> None:
    os.utime(folder, (0, 0))


def test_remains_of_a_killed_run_are_removed_and_what_is_in_use_stays(temporary: Path) -> None:
    environment = os.environ | {"TMPDIR": str(temporary)}
    with subprocess.Popen(
        [sys.executable, "-c", _KILLED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as run:
        assert run.stdout is not None
        folder = Path(run.stdout.readline().strip())
        assert folder.stat().st_mode & 0o077 == 0
        _make_old(folder)
        remove_remains()
        assert (folder / "people.csv").exists()
        run.send_signal(signal.SIGKILL)
        run.wait()
    _make_old(folder)
    with own_folder("test") as own:
        assert not folder.exists()
        _make_old(own)
        remove_remains()
        assert own.exists()
    assert list(temporary.iterdir()) == []


def test_full_folder_is_one_sentence() -> None:
    with pytest.raises(DatabaseUnavailableError, match="has no room left"), own_folder("test"):
        raise OSError(errno.ENOSPC, "No space left on device")

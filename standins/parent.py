"""Lets a stand-in end with the program that started it, also when that is killed and cannot say so."""

import os
import signal
import threading


def stop_with_the_parent() -> None:
    """End this process as SIGTERM does, as soon as the parent has closed the pipe to its input."""
    threading.Thread(target=_wait_for_the_end_of_input, daemon=True).start()


def _wait_for_the_end_of_input() -> None:
    # Not by `sys.stdin`, whose lock a thread that waits would hold when Python ends.
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)

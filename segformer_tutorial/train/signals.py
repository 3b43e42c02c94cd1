"""Ctrl-C and SIGTERM: a run ends after a step, with a checkpoint."""

import os
import signal
import threading


class Stopped(KeyboardInterrupt):
    """A signal ended the run after a step, and a checkpoint was saved.

    code: what the command exits with, 130 after Ctrl-C, 143 after SIGTERM.
    """

    def __init__(self, message: str, number: int):
        super().__init__(message)
        self.code = 128 + number


class StopSignals:
    """While it is entered, Ctrl-C and SIGTERM are noted and not obeyed.

    received: the number of the first signal, or None; the loop looks at it
    between two steps. A second Ctrl-C raises KeyboardInterrupt at once.
    Outside the main thread, where Python allows no handlers, and for signals
    that are ignored already nothing changes.
    """

    received: int | None = None

    def __enter__(self) -> "StopSignals":
        self.before = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                handler = signal.getsignal(number)
                if handler not in (signal.SIG_IGN, None):
                    self.before[number] = handler
                    signal.signal(number, self._note)
        return self

    def __exit__(self, *error) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame) -> None:
        if self.received is not None:
            if number == signal.SIGINT:
                raise KeyboardInterrupt
            return
        self.received = number
        # Printing is not safe here: the signal may have interrupted a print.
        text = b"\nstopping after this step; Ctrl-C again stops at once\n"
        os.write(2, text)


def ignore_signals(worker: int = 0) -> None:
    """Leave Ctrl-C and SIGTERM to the main process, in a worker of a loader.

    A terminal and a cluster send them to all processes of a group. A worker
    that obeyed would take the batch of the step that is to be finished along.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

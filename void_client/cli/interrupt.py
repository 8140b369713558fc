# SPDX-License-Identifier: Apache-2.0
"""What Ctrl-C means while a job is followed: first ask the server to cancel, then leave at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType

from void_client.errors import ClientError


class CancelOnInterrupt:
    """While active, the first Ctrl-C calls `cancel`, the second raises KeyboardInterrupt; a context manager.

    Args:
        cancel: asks the server; runs in a thread of its own, because the main thread may be inside a call.
        tell: told what happens, as a sentence.
    """

    def __init__(self, cancel: Callable[[], object], tell: Callable[[str], None]) -> None:
        self._cancel = cancel
        self._tell = tell
        self._before: signal._HANDLER = None
        self.requested = False
        self.confirmed = False

    def __enter__(self) -> CancelOnInterrupt:
        self._before = signal.signal(signal.SIGINT, self._interrupted)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        threading.Thread(target=self._ask, name="void-cancel", daemon=True).start()

    def _ask(self) -> None:
        self._tell("Asking the server to cancel; Ctrl-C again leaves at once.")
        try:
            self._cancel()
            self.confirmed = True
        except ClientError as error:
            self._tell(f"The cancel did not reach the server: {error}")

# SPDX-License-Identifier: Apache-2.0
"""The line to the helper process: requests out, events and answers back (docs/helper_protocol.md).

Answers come on the helper's reader thread; a host takes them to the thread that may call it.
"""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
from typing import Any, Callable, Dict, Mapping

from void_line import command as helper_command
from void_line.errors import HelperGone, ProtocolMismatch
from void_line.words import in_words

PROTOCOL = 1

Message = Dict[str, Any]
"""A JSON object."""

OnEvent = Callable[[Message], None]
OnEnd = Callable[[Message], None]
"""Takes `{"reply": …}` or `{"error": …}`."""

GONE = "helper_gone"
"""Code of the error that ends every request of a helper that died."""

MISMATCH = "protocol_mismatch"
"""Code of the error that ends every request where plugin and helper do not understand each other."""

_ENDED = None


class Helper:
    """A running helper process. Its requests may be made from any thread.

    Args:
        host: the program and its version, such as `nuke 16.0v4`.
        words: what options and phrases of the command are called there.

    Raises:
        HelperGone: it cannot be started.
    """

    def __init__(self, host: str, words: Mapping[str, str] = {}) -> None:
        self._words = words
        command = helper_command.helper_command()
        self.log = helper_command.log_file()
        self._lock = threading.Lock()
        self._next = 1
        self._waiting: dict[int, tuple[OnEvent, OnEnd]] = {}
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._host = host
        self._mismatch: ProtocolMismatch | None = None
        self._process = _started(command, self.log)
        for target in (self._write, self._read):
            # A host could not quit while another thread of it waits here.
            threading.Thread(target=target, name="void-helper", daemon=True).start()
        self.request("hello", {"protocol": PROTOCOL, "host": host}, _ignored, self._greeted)

    @property
    def alive(self) -> bool:
        """Whether it can still be asked."""
        return self._process.poll() is None

    def request(self, do: str, fields: Mapping[str, Any], on_event: OnEvent, on_end: OnEnd) -> int:
        """Ask something; returns its number, for `stop`.

        Where the helper turned out to speak another protocol, it ends with the error MISMATCH.

        Args:
            do: as the protocol names it.
            fields: what goes with it.
            on_event: told events, on another thread.
            on_end: told the end, once, on another thread.
        """
        with self._lock:
            number = self._next
            self._next += 1
            self._waiting[number] = on_event, on_end
        if self._mismatch is None:
            self._lines.put(json.dumps({"id": number, "do": do, **fields}))
        if self._mismatch is not None or not self.alive:
            # Never on the caller's thread, which may be the host's main one.
            threading.Thread(target=self._end_all, name="void-helper", daemon=True).start()
        return number

    def ask(self, do: str, fields: Mapping[str, Any], timeout: float) -> Message:
        """Ask something and wait for its end; for scripts without an event loop.

        Raises:
            HelperGone: it did not answer in time.
            ProtocolMismatch: it speaks another protocol than this plugin.
        """
        ends: queue.Queue[Message] = queue.Queue()
        self.request(do, fields, _ignored, ends.put)
        try:
            answer = ends.get(timeout=timeout)
        except queue.Empty:
            raise HelperGone(
                f"The helper did not answer within {timeout:g} s.", f"Its log is {self.log}."
            ) from None
        if self._mismatch is not None:
            raise self._mismatch
        return answer

    def close(self) -> None:
        """End it; its jobs go on on the server."""
        self._lines.put(_ENDED)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def _write(self) -> None:
        stream = self._process.stdin
        assert stream is not None
        with contextlib.suppress(OSError, ValueError):
            while True:
                line = self._lines.get()
                if line is _ENDED:
                    break
                stream.write(line.encode("utf-8") + b"\n")
                stream.flush()
        with contextlib.suppress(OSError):
            stream.close()

    def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        for line in stream:
            try:
                message = json.loads(line)
                self._take(message)
            except Exception as error:  # noqa: BLE001 - whatever a line holds, the next one is read
                print(f"VOID: a line of the helper cannot be used: {error}", file=sys.stderr)
        self._process.wait()
        self._lines.put(_ENDED)
        self._end_all()

    def _take(self, message: Message) -> None:
        number = message.get("id")
        ended = "reply" in message or "error" in message
        with self._lock:
            calls = self._waiting.pop(number, None) if ended else self._waiting.get(number)
        if calls is None:
            return
        on_event, on_end = calls
        message = in_words(message, self._words)
        if ended:
            on_end(message)
        elif isinstance(message.get("event"), dict):
            on_event(message["event"])

    def _greeted(self, answer: Message) -> None:
        """The end of `hello`: a helper of another protocol is asked nothing any more."""
        error = answer.get("error") or {}
        if error.get("code") == GONE:
            return
        spoken = (error if error else answer.get("reply") or {}).get("protocol")
        if error or spoken not in (None, PROTOCOL):
            self._mismatch = _mismatch(spoken, self._host)
            self._end_all()

    def _end_all(self) -> None:
        with self._lock:
            ends = [on_end for _, on_end in self._waiting.values()]
            self._waiting.clear()
        gone = HelperGone(
            f"The helper of VOID ended (exit code {self._process.poll()}).",
            f"Jobs go on on the server: press Reconnect. Its log is {self.log}.",
        )
        told = self._mismatch or gone
        said = {
            "code": MISMATCH if self._mismatch else GONE,
            "message": told.message,
            "fix": told.fix,
            "frame": None,
            "file": "",
            "findings": [],
        }
        for on_end in ends:
            on_end({"error": said})


def _mismatch(spoken: object, host: str) -> ProtocolMismatch:
    """What to tell of a helper that speaks another protocol; which, where it says so."""
    program = host.split(" ", 1)[0]
    if isinstance(spoken, int) and spoken < PROTOCOL:
        return ProtocolMismatch(
            f"The helper of VOID is older than this plugin: it speaks protocol {spoken}, the plugin {PROTOCOL}.",
            f"Install the plugin's release of void on this machine, and run `void install {program}` with it.",
        )
    return ProtocolMismatch(
        f"This plugin of VOID is older than the helper: it speaks protocol {PROTOCOL}, the helper {spoken}."
        if isinstance(spoken, int)
        else "Plugin and helper of VOID are of different releases.",
        f"Run `void install {program}`, then start this program again.",
    )


def _started(command: list[str], log: str) -> subprocess.Popen[bytes]:
    flags = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    try:
        with open(log, "ab") as errors:
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=helper_command.helper_environment(),
                creationflags=flags,
                close_fds=True,
            )
    except OSError as error:
        raise HelperGone(
            f"The helper of VOID cannot be started ({command[0]}: {error.strerror or error}).",
            "Run `void install` for this program again.",
        ) from error


def _ignored(_message: Message) -> None:
    """Of no interest."""

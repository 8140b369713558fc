# SPDX-License-Identifier: Apache-2.0
"""A real headless Chromium, driven over a pipe in the words of its DevTools protocol.

chromedevtools.github.io/devtools-protocol; `--remote-debugging-pipe` reads messages from descriptor 3 and writes
them to 4, each ended by a zero byte.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium")
NO_CHROMIUM = "there is no chromium: that the monitor page works in a browser is not checked (make system)"
SECONDS = 15.0
KEYS = {"Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}


class Browser:
    """One page in one browser with a fresh profile in `folder`."""

    def __init__(self, folder: Path) -> None:
        assert CHROMIUM is not None
        self.profile = folder
        (read, self._to), (self._from, write) = os.pipe(), os.pipe()
        command = [
            CHROMIUM,
            "--headless=new",
            "--remote-debugging-pipe",
            f"--user-data-dir={folder}",
            "--no-first-run",
            "--no-sandbox",  # The tests may run as root, for whom Chromium has no sandbox; it opens our page only.
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--hide-scrollbars",
            "--force-color-profile=srgb",
            "about:blank",
        ]
        self._pid = _spawn(command, {**os.environ, "HOME": str(folder)}, read, write)
        self._buffer, self._number = b"", 0
        self.seen: list[dict[str, Any]] = []
        """Events as they came."""
        targets = self._call("Target.getTargets")["targetInfos"]
        page = next(t["targetId"] for t in targets if t["type"] == "page")
        self._session = self._call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def close(self) -> None:
        self._call("Browser.close")
        os.close(self._to)
        os.close(self._from)
        os.waitpid(self._pid, 0)

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """A command to the page."""
        return self._call(method, self._session, **arguments)

    def open(self, url: str, size: tuple[int, int] = (1280, 860)) -> None:
        self.resize(size)
        self.call("Page.navigate", url=url)

    def resize(self, size: tuple[int, int]) -> None:
        width, height = size
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def value(self, expression: str) -> Any:
        """What an expression gives in the page; a promise is awaited."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, expression: str, seconds: float = SECONDS) -> None:
        """Until the expression is true in the page."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                if self.value(f"Boolean({expression})"):
                    return
            except AssertionError:
                pass
            time.sleep(0.05)
        raise AssertionError(
            f"never true: {expression}; the page says: {self.value('document.body.innerText')}"
        )

    def text(self, selector: str) -> str:
        return str(self.value(f"document.querySelector({json.dumps(selector)}).innerText"))

    def press(self, key: str) -> None:
        """A key as from a keyboard: a name of `KEYS`, or a character."""
        if key in KEYS:
            told: dict[str, Any] = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS[key]}
            if key == "Enter":
                told["text"] = "\r"
        else:
            told = {"key": key, "text": key}
        self.call("Input.dispatchKeyEvent", type="keyDown", **told)
        self.call("Input.dispatchKeyEvent", type="keyUp", **{**told, "text": ""})

    def type(self, text: str) -> None:
        self.call("Input.insertText", text=text)

    def mouse(self, *points: tuple[float, float]) -> None:
        """Press at the first point, drag over the others, let go at the last."""
        for number, (x, y) in enumerate(points):
            kind = "mouseMoved" if number else "mousePressed"
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)
        x, y = points[-1]
        self.call("Input.dispatchMouseEvent", type="mouseReleased", x=x, y=y, button="left", clickCount=1)

    def click(self, selector: str) -> None:
        """A click in the middle of an element."""
        box = self.value(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            " e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect();"
            " return [b.left + b.width / 2, b.top + b.height / 2]; })()"
        )
        self.mouse((box[0], box[1]))

    def picture(self) -> bytes:
        """The window as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def requested(self) -> set[str]:
        """Addresses that the page asked for, from the network log."""
        self.value("1")
        return {
            e["params"]["request"]["url"] for e in self.seen if e["method"] == "Network.requestWillBeSent"
        }

    def complaints(self) -> list[str]:
        """What went wrong in the page: exceptions, errors of the console, violations of the policy."""
        self.value("1")
        found = [str(e["params"]["exceptionDetails"]) for e in self._events("Runtime.exceptionThrown")]
        found += [e["params"]["entry"]["text"] for e in self._events("Log.entryAdded")]
        return found + [str(e["params"]["args"]) for e in self._events("Runtime.consoleAPICalled")]

    def _events(self, method: str) -> list[dict[str, Any]]:
        return [e for e in self.seen if e["method"] == method]

    def _call(self, method: str, session: str = "", **arguments: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": arguments}
        if session:
            message["sessionId"] = session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        answer = self._until(lambda m: m.get("id") == self._number)
        assert "error" not in answer, answer["error"]
        return dict(answer["result"])

    def _until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        until = time.monotonic() + SECONDS
        while True:
            while b"\0" in self._buffer:
                text, _, self._buffer = self._buffer.partition(b"\0")
                message = json.loads(text)
                if "method" in message:
                    self.seen.append(message)
                if wanted(message):
                    return dict(message)
            ready, _, _ = select.select([self._from], [], [], max(0.0, until - time.monotonic()))
            assert ready, "the browser does not answer"
            data = os.read(self._from, 1 << 16)
            assert data, "the browser ended"
            self._buffer += data


def _spawn(command: list[str], environment: dict[str, str], read: int, write: int) -> int:
    """Start a program that reads from descriptor 3 what is put into one pipe, and writes to 4."""
    ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (read, write)]
    nowhere = os.open(os.devnull, os.O_RDWR)
    given = [(nowhere, 0), (nowhere, 1), (nowhere, 2), (ends[0], 3), (ends[1], 4)]
    actions = [(os.POSIX_SPAWN_DUP2, mine, theirs) for mine, theirs in given]
    try:
        return os.posix_spawn(command[0], command, environment, file_actions=actions)
    finally:
        for descriptor in (nowhere, *ends, read, write):
            os.close(descriptor)

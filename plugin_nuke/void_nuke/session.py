# SPDX-License-Identifier: Apache-2.0
"""The helper of this Nuke session, and the jobs that it follows.

Answers are handled on Nuke's main thread, in the order in which they came. A job is known by its ticket, which its
record in the script holds too: nodes may be renamed, copied or deleted while it runs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import nuke
from void_line.errors import HelperGone
from void_line.helper import GONE, Helper, Message

from void_nuke import follow
from void_nuke.main_thread import outside_undo, post
from void_nuke.result import record_of
from void_nuke.words import WORDS

LEFT = "left"
"""Code of the error that ends a request which the host stopped."""

RESTARTS = 3
"""Times that a job is taken up again after the helper died, within `RESTART_WINDOW_S`."""

RESTART_WINDOW_S = 60.0


class _Feed:
    """Messages of one request on their way to the main thread; many wait for one turn of it."""

    def __init__(self, take: Callable[[list[Message]], None]) -> None:
        self._take = take
        self._lock = threading.Lock()
        self._messages: list[Message] = []

    def put(self, message: Message) -> None:
        """Add one; from any thread but the main one."""
        with self._lock:
            self._messages.append(message)
            first = len(self._messages) == 1
        if first:
            post(self._turn)

    def _turn(self) -> None:
        with self._lock:
            messages, self._messages = self._messages, []
        self._take(messages)


class Following:
    """A job that is sent or watched.

    Attributes:
        record: as in the script.
        order: what was submitted, while it is not accepted.
        shown: what the nodes show of it.
    """

    def __init__(self, record: dict[str, Any], server: dict[str, str], order: dict[str, Any] | None) -> None:
        self.record = record
        self.server = server
        self.order = order
        self.request = 0
        self.died: list[float] = []
        self.shown = follow.Shown()
        self.cancelling = False


class Session:
    """What one Nuke knows of its helper; use the main thread only."""

    def __init__(self) -> None:
        self._helper: Helper | None = None
        self._following: dict[str, Following] = {}

    def helper(self) -> Helper:
        """The helper, started if there is none.

        Raises:
            HelperGone: it cannot be.
        """
        if self._helper is None or not self._helper.alive:
            self._helper = Helper(f"nuke {nuke.NUKE_VERSION_STRING}", WORDS)
        return self._helper

    def close(self) -> None:
        """End the helper; jobs go on on the server."""
        if self._helper is not None:
            self._helper.close()
            self._helper = None
        self._following.clear()

    def ask(self, do: str, fields: Message, answered: Callable[[Message], None]) -> None:
        """Ask something small; `answered` is called on the main thread."""

        def turn(messages: list[Message]) -> None:
            for message in messages:
                answered(message)

        self.helper().request(do, fields, lambda _event: None, _Feed(turn).put)

    def submit(self, record: dict[str, Any], server: dict[str, str], order: dict[str, Any]) -> None:
        """Send an order and follow its job.

        Raises:
            HelperGone: there is no helper, and none can be started.
        """
        self._send(Following(record, server, order))

    def watch(self, record: dict[str, Any], server: dict[str, str]) -> None:
        """Follow a job that a server has.

        Raises:
            HelperGone: there is no helper, and none can be started.
        """
        self._send(Following(record, server, None))

    def cancel(self, ticket: str) -> bool:
        """Cancel a job; False where none of this ticket is followed."""
        following = self._following.get(ticket)
        if following is None:
            return False
        if following.record.get("job"):
            fields = {"server": following.server, "job": following.record["job"]}
            self.ask("cancel", fields, lambda message: self._cancel_answered(ticket, message))
        else:
            self.ask("stop", {"request": following.request}, lambda _message: None)
        following.cancelling = True
        return True

    def follows(self, ticket: str) -> bool:
        """Whether a job is being sent or watched."""
        return ticket in self._following

    def _send(self, following: Following) -> None:
        ticket = following.record["ticket"]
        feed = _Feed(lambda messages: self._take(ticket, messages))
        if following.order is not None:
            fields: Message = {"server": following.server, "order": following.order}
            following.request = self.helper().request("submit", fields, feed.put, feed.put)
        else:
            fields = {"server": following.server, "job": following.record["job"]}
            following.request = self.helper().request("watch", fields, feed.put, feed.put)
        self._following[ticket] = following

    def _take(self, ticket: str, messages: list[Message]) -> None:
        following = self._following.get(ticket)
        if following is None:
            return
        with outside_undo():
            nodes = list(nodes_of(ticket))
            for message in messages:
                if "reply" in message:
                    self._ended_well(following, message["reply"], nodes)
                elif "error" in message:
                    self._ended_badly(following, message["error"], nodes)
                else:
                    follow.take_event(following.shown, following.record, message, nodes)
            if ticket in self._following:
                follow.show(following.shown, following.record, nodes, following.cancelling)

    def _ended_well(self, following: Following, reply: Message, nodes: list[Any]) -> None:
        if following.order is not None:
            follow.accepted(following.record, reply, nodes)
            following.order = None
            self._go_on(following, nodes)
            if following.cancelling and self.follows(following.record["ticket"]):
                self.cancel(following.record["ticket"])
            return
        del self._following[following.record["ticket"]]
        follow.finished(following.shown, following.record, reply, nodes)

    def _ended_badly(self, following: Following, error: Message, nodes: list[Any]) -> None:
        sending = following.order is not None
        if error.get("code") == GONE and sending and following.cancelling:
            error = {**error, "code": LEFT}
        if error.get("code") == GONE and self._may_restart(following):
            follow.log(following.record, "The helper ended; it is started again.")
            self._go_on(following, nodes)
            return
        del self._following[following.record["ticket"]]
        follow.failed(following.record, error, nodes, sending)

    def _go_on(self, following: Following, nodes: list[Any]) -> None:
        try:
            self._send(following)
        except HelperGone as gone:
            self._following.pop(following.record["ticket"], None)
            error = {"code": GONE, "message": gone.message, "fix": gone.fix}
            follow.failed(following.record, error, nodes, following.order is not None)

    def _may_restart(self, following: Following) -> bool:
        now = time.monotonic()
        following.died = [*(at for at in following.died if now - at < RESTART_WINDOW_S), now]
        return len(following.died) <= RESTARTS

    def _cancel_answered(self, ticket: str, message: Message) -> None:
        error = message.get("error")
        if error and ticket in self._following:
            self._following[ticket].cancelling = False
            with outside_undo():
                follow.not_cancelled(self._following[ticket].record, error, list(nodes_of(ticket)))


def nodes_of(ticket: str) -> Iterator[Any]:
    """The nodes whose record has a ticket."""
    for node in void_nodes():
        if record_of(node).get("ticket") == ticket:
            yield node


def void_nodes() -> Iterator[Any]:
    """All VOID nodes of the script."""
    for node in nuke.allNodes("Group", nuke.root(), recurseGroups=True):
        if node.knob("void_node_version") is not None:
            yield node


SESSION = Session()
"""The one of this process."""

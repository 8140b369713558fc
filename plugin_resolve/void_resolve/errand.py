# SPDX-License-Identifier: Apache-2.0
"""One piece of work for the artist: done, recorded so that it can be taken up again, and its end told in words."""

from __future__ import annotations

import contextlib
import os
import re
import time
import traceback
from typing import Any, Callable

from void_line.errors import HelperGone

from void_resolve import selection, series, unfinished
from void_resolve.errors import LOST, ArtistError, Cancelled
from void_resolve.history import History
from void_resolve.keeping import Json, log, read_json
from void_resolve.settings import Settings, site_of

SITE_LIMIT_S = 20.0
"""Longest wait for the helper's first answer."""

_RECORDED_EVERY_S = 10.0
_ACCEPTED = re.compile(r"its record is (.+)\.$", re.DOTALL)


class Left(BaseException):
    """The artist has left while the work went on; nothing is cancelled, and what is ours in Resolve is put back."""


class Bench:
    """What window and console work with.

    Args:
        host: Resolve.
        work: the module that does the work.
        folder: the plugin's own.
        start: starts a helper.
        now: seconds that only grow.
        sleep: waits.
    """

    def __init__(
        self,
        host: Any,
        work: Any,
        folder: str,
        history: History,
        start: Callable[[], Any],
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.host, self.work, self.folder, self.history = host, work, folder, history
        self.now, self.sleep = now, sleep
        self._start = start
        self._helper: Any | None = None

    def helper(self) -> Any:
        """The helper, started if none is alive.

        Raises:
            HelperGone: it cannot be.
        """
        if self._helper is None or not self._helper.alive:
            self._helper = self._start()
        return self._helper

    def settings(self, path: str) -> Settings:
        """The artist's settings under the studio's; a helper that does not answer is told as the site's problem."""
        try:
            answer = self.helper().ask("site", {}, SITE_LIMIT_S)
        except HelperGone as error:
            answer = {"error": {"message": error.message, "fix": error.fix}}
        return Settings(path, site_of(answer))

    def close(self) -> None:
        """End the helper, so that Resolve can quit; jobs go on on the server."""
        if self._helper is None:
            return
        self._helper.close()
        until = self.now() + 2.0
        while self._helper.alive and self.now() < until:
            self.sleep(0.1)
        if self._helper.alive:
            self._helper.kill()
        self._helper = None

    def at_hand(self) -> str:
        """The clips that are meant now, in a few words; or why there are none."""
        try:
            self.host.page()
            return selection.words(selection.chosen(self.host))
        except ArtistError as error:
            return error.message
        except LOST:
            return "Resolve does not answer"


class Errand:
    """The work of one press.

    Args:
        bench: what to work with.
        told: told progress.
        cancelled: whether the artist has cancelled.
        pause: waits, and lets the artist press something meanwhile; may raise Left.
    """

    def __init__(
        self,
        bench: Bench,
        told: Callable[[Any], None],
        cancelled: Callable[[], bool],
        pause: Callable[[float], None],
    ) -> None:
        self._bench = bench
        self._told = told
        self._cancelled = cancelled
        self._pause = pause
        self._recorded_at = 0.0

    def remove(self, request: Any) -> Any:
        """Remove the object of each clip that is meant; returns how it ended, a `work.Outcome`.

        Raises:
            ArtistError: there is no clip, or nothing can be written down.
        """
        try:
            clips = self._bench.work.picked(self._bench.host)
        except LOST as error:
            raise ArtistError(f"Resolve does not answer ({error}).") from error
        if len(clips) == 1:
            return self._remove_one(request, clips[0])
        ended, not_begun = series.one_after_the_other(
            clips,
            self._cancelled,
            lambda number, clip: self._remove_one(request, clip, (number, len(clips))),
        )
        return series.summary(ended, not_begun, self._bench.work.Outcome)

    def _remove_one(self, request: Any, clip: Any, place: tuple[int, int] = (0, 0)) -> Any:
        bench = self._bench
        request = request._replace(item=(clip.timeline_id, clip.item_id), of_several=place[1] > 1)
        try:
            record = bench.history.begin(request=dict(request._asdict()), clip=clip.name)
        except OSError as error:
            fix = "A job that is not written down could not be taken up again: make room, or check its permissions."
            raise ArtistError(f"{bench.history.folder} cannot be written ({error}).", fix) from error
        return self._follow(
            record,
            lambda told: bench.work.remove(
                bench.host, request, bench.helper(), told, self._cancelled, self._pause
            ),
            place,
        )

    def reattach(self, record: Json) -> Any:
        """Take up a job of the history; returns how it ended, a `work.Outcome`."""
        bench = self._bench
        if not bench.history.can_reattach(record):
            why = (
                "Another VOID window follows this job."
                if bench.history.followed_elsewhere(record)
                else "There is nothing to take up: its result is here, or it was never sent."
            )
            outcome = bench.work.Outcome
            return outcome("failed", why, record.get("folder", ""), record.get("job", ""), ())
        whole = {**record, **record.get("sent", {}), **read_json(job_file(record["folder"]))}
        self._write(record, state="running")
        return self._follow(
            record,
            lambda told: bench.work.reattach(
                bench.host, whole, bench.helper(), told, self._cancelled, self._pause
            ),
        )

    def take_back(self) -> list[str]:
        """Remove VOID's result; what was taken out, in words, or why nothing was."""
        try:
            return list(self._bench.work.take_back(self._bench.host)) or ["There was nothing of VOID here."]
        except ArtistError as error:
            return [str(error)]
        except Exception as error:  # noqa: BLE001 - whatever Resolve raises, the artist is told
            log(self._bench.folder, traceback.format_exc())
            return [f"It could not be taken out: {error}"]

    def clean_up(self) -> list[str]:
        """Put back what a crash has left; what was done, in words."""
        try:
            return unfinished.clean_up(self._bench.host) or ["There was nothing to clean up."]
        except (ArtistError, *LOST) as error:
            return [f"It could not be cleaned up: {error}"]

    def _follow(
        self, record: Json, run: Callable[[Callable[[Any], None]], Any], place: tuple[int, int] = (0, 0)
    ) -> Any:
        def told(progress: Any) -> None:
            self._record(record, progress)
            self._told(progress._replace(clip=place))

        try:
            outcome = self._end_of(record, lambda: run(told))
        except Left:
            self._write(record, state="left", text="The window was closed; the job goes on on its server.")
            raise
        self._write(
            record,
            state=outcome.state,
            text=outcome.text,
            job=outcome.job or record["job"],
            folder=outcome.folder or record["folder"],
            clicks=list(outcome.clicks),
        )
        return outcome

    def _end_of(self, record: Json, run: Callable[[], Any]) -> Any:
        outcome = self._bench.work.Outcome
        try:
            return run()
        except Cancelled:
            return outcome("cancelled", "Cancelled.", record["folder"], record["job"], ())
        except (ArtistError, HelperGone) as error:
            return outcome("failed", str(error), record["folder"], record["job"], ())
        except Exception as error:  # noqa: BLE001 - whatever Resolve raises, the artist is told
            log(self._bench.folder, traceback.format_exc())
            text = f"VOID stopped ({type(error).__name__}: {error}). If a job was sent, take it up with Re-attach."
            return outcome("failed", text, record["folder"], record["job"], ())

    def _record(self, record: Json, progress: Any) -> None:
        """Keep at once what was sent, and now and then that we are at it."""
        folder = sent_to(progress)
        now = self._bench.now()
        if folder:
            sent = read_json(job_file(folder))
            self._write(record, folder=folder, job=str(sent.get("job") or ""), sent=sent)
        elif now - self._recorded_at >= _RECORDED_EVERY_S:
            self._recorded_at = now
            self._write(record)

    def _write(self, record: Json, **fields: Any) -> None:
        try:
            self._bench.history.update(record, **fields)
        except OSError as error:
            with contextlib.suppress(OSError):
                log(self._bench.folder, f"the history cannot be written: {error}")


def sent_to(progress: Any) -> str:
    """The folder of the job that `work` tells to be accepted; empty for all other progress."""
    found = _ACCEPTED.search(progress.text) if progress.stage == "accepted" else None
    return found.group(1) if found else ""


def job_file(folder: str) -> str:
    """The record that `work` keeps in a job's own folder."""
    return os.path.join(folder, "job.json")

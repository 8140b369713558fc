# SPDX-License-Identifier: Apache-2.0
"""A colorist at a modelled Resolve, with the plugin and a helper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from void_resolve import work
from void_resolve.host import Host

from tests.resolve.fake_helper import FakeHelper
from tests.resolve.standin.session import Session

MANAGED = {"colorScienceMode": "davinciYRGBColorManagedv2"}


class Seat:
    """One artist; what the window would have been told is in `progress`.

    Attributes:
        session: the modelled Resolve.
        folder: where results go.
        helper: a fake one, unless the test gives another.
    """

    def __init__(self, session: Session, folder: Path, helper: Any = None) -> None:
        self.session, self.folder, self.helper = session, folder, helper or FakeHelper()
        self.stage = session.stage
        self.stage.project.settings.update(MANAGED)
        session.remember()
        self.progress: list[work.Progress] = []
        self.host = Host.find(session.menu_globals())
        self.calls_before = len(session.calls)

    def request(self, **changes: Any) -> work.Request:
        """From the source with a point, unless the test says otherwise."""
        values = {
            "matte": "points",
            "points": ((self.stage.item.start + 5, 20, 12, True),),
            "out": str(self.folder),
        }
        return work.Request(**{**values, **changes})

    def remove(self, **changes: Any) -> work.Outcome:
        return work.remove(
            self.host,
            self.request(**changes),
            self.helper,
            self.progress.append,
            self.session.cancelled,
            self.session.sleep,
        )

    def done(self, **changes: Any) -> work.Outcome:
        """Remove, and see that it went well and left all as it was but for the result."""
        outcome = self.remove(**changes)
        assert outcome.state == "done", outcome
        self.session.assert_restored(result=True)
        return outcome

    def refused(self, **changes: Any) -> str:
        """Remove, and see that it did not, with everything as it was; what was said."""
        outcome = self.remove(**changes)
        assert outcome.state == "failed", outcome
        self.session.assert_restored()
        return outcome.text

    @property
    def order(self) -> dict[str, Any]:
        return self.helper.orders[-1]

    def files(self, role: str = "plate") -> dict[int, Path]:
        """What was sent, by number."""
        return {number: Path(path) for number, path in self.order["inputs"][role]["files"]}

    @property
    def results(self) -> list[tuple[int, Any]]:
        """Track and item of each result on the timeline."""
        return [
            (index, item)
            for index, track in enumerate(self.stage.timeline.tracks["video"], 1)
            for item in track.items
            if any(marker["customData"].startswith("void job") for marker in item.markers.values())
        ]

    @property
    def result(self) -> Any:
        """The only one."""
        [(_, item)] = self.results
        return item

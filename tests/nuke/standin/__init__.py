# SPDX-License-Identifier: Apache-2.0
"""A strict stand-in of Nuke's Python: a small model of what plugin code may rely on, rule by rule.

There is no Nuke here, and nothing of this was ever run in one. Each rule has an id and its source in the
project's facts about Nuke; where real behaviour is unknown the harsher reading is taken, and the rule says so
(`rules`).

Standard library only, Python 3.9 syntax; numpy and OpenEXR are used where a test renders EXR files.
"""

from tests.nuke.standin.pictures import Source
from tests.nuke.standin.session import BrokenRules, Session

__all__ = ["BrokenRules", "Session", "Source"]

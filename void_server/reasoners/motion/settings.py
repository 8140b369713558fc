# SPDX-License-Identifier: Apache-2.0
"""The survey that the reasoner reads, and how far it looks."""

from __future__ import annotations

from void_server.engines.cleanplate import CleanplateSettings

VERSION = "2"
"""Part of every unit key: raised by any change that can change a bit of a proposal."""

SURVEY_SETTINGS = CleanplateSettings(quality="preview", margin=0)
"""Shadows are smooth and proposals generous, so a small proxy and the faster flow will do. Measured once against
`final`: IoU 0.70 for 0.76 on pan_ball and 0.73 for 0.73 on lockoff_mug, at 0.6 of the time."""

LOOKED_AT = (1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 33, 36, 40, 44, 48)
"""Distances, in frames each way, at which the background is sampled. A shadow covers a place only while the object is
near, so frames far away count as much as near ones."""

REACH = LOOKED_AT[-1]
"""Frames each way that a proposal depends on."""

# SPDX-License-Identifier: Apache-2.0
"""The segmenter `flow`: key mattes carried to all other frames by motion and by colour, without a model.

The method, its figures and where it fails are docs/masks.md.
"""

from void_server.segmenters.flow.carry import segment_flow
from void_server.segmenters.flow.settings import VERSION

__all__ = ["VERSION", "segment_flow"]

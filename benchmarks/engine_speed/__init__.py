# SPDX-License-Identifier: Apache-2.0
"""How fast the clean-plate engine is, in multiples of a yardstick of the same run."""

import os

from void_server.pool.process import THREAD_VARIABLES

# Before NumPy is loaded, which reads them once: a worker computes with one thread.
os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))

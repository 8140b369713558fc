# SPDX-License-Identifier: Apache-2.0
"""How much memory server and workers take, and that it does not grow with the number of frames."""

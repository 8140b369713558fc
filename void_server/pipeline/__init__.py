# SPDX-License-Identifier: Apache-2.0
"""The steps of a shot, cut into units: planned here, computed here, in worker processes only."""

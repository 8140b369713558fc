# SPDX-License-Identifier: Apache-2.0
"""Hundreds of shots in one go: read from a file, checked together, taken up again after a break, reported."""

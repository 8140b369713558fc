# SPDX-License-Identifier: Apache-2.0
"""Hostile files and hostile calls, and what must hold whatever comes in; `make fuzz` runs them for long."""

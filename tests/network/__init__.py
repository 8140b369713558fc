# SPDX-License-Identifier: Apache-2.0
"""A network that cuts, stops, slows and damages, seeded; `python -m tests.network --help` for long runs."""

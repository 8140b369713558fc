# SPDX-License-Identifier: Apache-2.0
"""Many clients on one server at once, for long: latency, fairness, and memory that stays flat."""

# SPDX-License-Identifier: Apache-2.0
"""Figures of a running server for Prometheus: what happened, and how it stands."""

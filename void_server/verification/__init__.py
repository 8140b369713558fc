# SPDX-License-Identifier: Apache-2.0
"""Delivered frames checked against their sidecar: what a model changed, and what anybody changed since."""

# SPDX-License-Identifier: Apache-2.0
"""Removal by Netflix's VOID model."""

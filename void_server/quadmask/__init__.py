# SPDX-License-Identifier: Apache-2.0
"""The regions of a shot (remove, affected, overlap, background) as separate mattes, and how they are
combined.
"""

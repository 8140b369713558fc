# SPDX-License-Identifier: Apache-2.0
"""Benchmarks: quality on shots whose truth is known, and speed as ratios within one run."""

# SPDX-License-Identifier: Apache-2.0
"""Masks as files: looked at, changed from one form into another, and compared, without a job."""

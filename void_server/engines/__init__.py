# SPDX-License-Identifier: Apache-2.0
"""Engines: what fills the removed region, one plug each; engines know arrays, not jobs, files or gRPC."""

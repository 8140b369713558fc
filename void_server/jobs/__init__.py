# SPDX-License-Identifier: Apache-2.0
"""Jobs: their states, their durable record, and the runner that takes them through the pipeline."""

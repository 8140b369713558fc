# SPDX-License-Identifier: Apache-2.0
"""The frame store: content by digest, on plain files."""

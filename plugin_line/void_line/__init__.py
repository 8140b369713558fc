# SPDX-License-Identifier: Apache-2.0
"""The plugins' side of the line to `void-helper` (docs/helper_protocol.md), the same in every host.

Standard library only, Python 3.8 syntax, no call of any host. Importing it starts nothing.
"""

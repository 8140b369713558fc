# SPDX-License-Identifier: Apache-2.0
"""VOID inside Nuke: the node, what its buttons do, and the line to the helper process.

Standard library only, Python 3.9 syntax, nothing compiled. Importing this package starts nothing.
"""

# SPDX-License-Identifier: Apache-2.0
"""Checks in a real Nuke what the plugin and its tests assume of one, and removes something from three frames.

Standard library only, Python 3.9 syntax. Importing it starts nothing and changes nothing.
"""

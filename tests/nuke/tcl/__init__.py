# SPDX-License-Identifier: Apache-2.0
"""Nuke's text files (.nk, .gizmo) evaluated by a real tclsh with a model of the operand stack, and checked.

`python -m tests.nuke.tcl [FILE …]` prints what is wrong. What this cannot show: that Nuke accepts a value,
what it draws, and anything about how it computes.
"""

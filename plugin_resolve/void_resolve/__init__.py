# SPDX-License-Identifier: Apache-2.0
"""VOID in DaVinci Resolve: renders plate and matte, has the helper send them, brings the result back.

Standard library and `void_line` only, Python 3.8 syntax. Built from notes and tested against a model of Resolve; no
person has run it in Resolve yet.
"""

# SPDX-License-Identifier: Apache-2.0
"""Is the grain inside a result that of the plate around it?"""

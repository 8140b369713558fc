# SPDX-License-Identifier: Apache-2.0
"""The way to a render farm: an Open Job Description template, and the programs that its actions run."""

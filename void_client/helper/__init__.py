# SPDX-License-Identifier: Apache-2.0
"""The helper that a host starts and speaks with in lines, so that it imports nothing compiled itself.

docs/helper_protocol.md is its contract, `messages.schema.json` the form of every message.
"""

PROTOCOL = 1
"""Of the lines; raised with any change that an older host or helper would not understand."""

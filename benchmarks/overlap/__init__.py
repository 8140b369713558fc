# SPDX-License-Identifier: Apache-2.0
"""How much reading, hashing, sending and the server's work overlap."""

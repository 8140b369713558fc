# SPDX-License-Identifier: Apache-2.0
"""How fast frames travel to a real server and back, beside a plain stream of the same bytes and its floors."""

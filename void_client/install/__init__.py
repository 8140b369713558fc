# SPDX-License-Identifier: Apache-2.0
"""Puts the plugin for a host, and a helper for it, where the host finds them; and takes them away again."""

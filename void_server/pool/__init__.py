# SPDX-License-Identifier: Apache-2.0
"""Where units run: worker processes, fed by the server, that may crash without harm to it."""

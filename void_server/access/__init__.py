# SPDX-License-Identifier: Apache-2.0
"""Who may do what: principals, their tokens, the audit log, and certificates for TLS."""

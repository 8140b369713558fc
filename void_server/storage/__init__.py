# SPDX-License-Identifier: Apache-2.0
"""What lies in the store, for whom it is kept, and what may go: docs/storage.md has the rules in one table."""

# SPDX-License-Identifier: Apache-2.0
"""`void-server doctor`: looks at all that a server needs, and says what to do about what is not well."""

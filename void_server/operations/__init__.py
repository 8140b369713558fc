# SPDX-License-Identifier: Apache-2.0
"""What whoever keeps a server does with it: end it gently, look whether all is well, copy it."""

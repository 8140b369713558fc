# SPDX-License-Identifier: Apache-2.0
"""A whole production shot through the product, against the time that reading it and writing its result take alone."""

# SPDX-License-Identifier: Apache-2.0
"""What proposes the affected region, one plug each."""

# SPDX-License-Identifier: Apache-2.0
"""How close the clean-plate engine comes to the truth, beside the plain methods that it has to beat."""

# SPDX-License-Identifier: Apache-2.0
"""A strict model of Resolve's scripting objects, 19.1 to 21.1, built from cited facts; never run in Resolve.

Each behaviour has an id: R01 to R17 are the items of section 5.1, R18 is what sections 1 and 2 add to them, R19
is compositions (section 2.6), R20 colour groups; a letter names a part. `tests/mutations/resolve_standin.toml`
breaks each of them and names the test that must turn red.
"""

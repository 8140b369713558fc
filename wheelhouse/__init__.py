# SPDX-License-Identifier: Apache-2.0
"""Makes the offline bundle: wheels for every system and Python that this release is for, with their hashes.

Run where a package index is reachable (`make bundle`); what it writes installs where none is. It is a tool of the
build like `hatch_build.py`, beside the installed packages and not part of them. Resolving and downloading are pip's.
"""

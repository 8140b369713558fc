# SPDX-License-Identifier: Apache-2.0
"""`python -m void_client` is the `void` command."""

from __future__ import annotations

import sys

from void_client.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

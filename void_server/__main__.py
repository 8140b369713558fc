# SPDX-License-Identifier: Apache-2.0
"""`python -m void_server` is the command `void-server`."""

import sys

from void_server.command import main

if __name__ == "__main__":
    sys.exit(main())

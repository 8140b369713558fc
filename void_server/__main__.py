# SPDX-License-Identifier: Apache-2.0
"""`python -m void_server` is `void-server`."""

import sys

from void_server.main import main

sys.exit(main())

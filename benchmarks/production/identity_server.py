# SPDX-License-Identifier: Apache-2.0
"""The product's server with the workers of `identity_worker`; for this benchmark alone."""

from __future__ import annotations

import sys

from void_server import workers
from void_server.command import main
from void_server.configuration import ServerConfiguration

_command = workers.worker_command


def identity_command(configuration: ServerConfiguration) -> list[str]:
    """What starts one worker process."""
    real = "void_server.pool.worker"
    return ["benchmarks.production.identity_worker" if a == real else a for a in _command(configuration)]


if __name__ == "__main__":
    workers.worker_command = identity_command
    sys.exit(main())

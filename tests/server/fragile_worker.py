# SPDX-License-Identifier: Apache-2.0
"""A real worker whose image library dies over files that hold a certain word, as a native decoder with a defect does.

No file is known that ends the decoder by itself, so the fault is put in; the process really dies of a real signal.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import OpenImageIO as oiio

from void_server.pool.worker import main

DEADLY = {
    f"die of {number.name}".encode(): number for number in (signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT)
}


class FragileInput:
    """`OpenImageIO.ImageInput`, as far as the server uses it by name."""

    @staticmethod
    def open(path: str) -> oiio.ImageInput | None:
        data = Path(path).read_bytes()
        for word, number in DEADLY.items():
            if word in data:
                os.kill(os.getpid(), number)
        return _OPEN(path)


_OPEN = oiio.ImageInput.open

if __name__ == "__main__":
    oiio.ImageInput = FragileInput
    main()

# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the Hugging Face Hub: HEAD and GET of /OWNER/NAME/resolve/REVISION/PATH, with the headers it sends.

Modelled on what `huggingface_hub` reads of an answer (file_download.py): ETag, which is the SHA-256 for large files and
a git blob's SHA-1 for small ones, X-Repo-Commit, Content-Length, ranges, and X-Error-Code with a 404. It does not model
redirects to a content network nor xet storage.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = (".safetensors", ".pt", ".model")


class Hub:
    """Serves what is published.

    `requests` are the methods and paths asked for; `cut` paths end their body in the middle, every time; `broken` paths
    are served with other bytes than their ETag says.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.cut: set[str] = set()
        self.broken: set[str] = set()
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self):
                hub._answer(self, body=False)

            def do_GET(self):
                hub._answer(self, body=True)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def publish(self, repository: str, files: Mapping[str, bytes]) -> None:
        for path, data in files.items():
            self.files[f"{repository}/{path}"] = data

    def got(self) -> list[str]:
        """Paths of which the body was asked for, without the revision."""
        return [_plain(path) for method, path in self.requests if method == "GET"]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, request: BaseHTTPRequestHandler, *, body: bool) -> None:
        self.requests.append((request.command, request.path))
        name = _plain(request.path)
        data = self.files.get(name)
        if data is None:
            request.send_response(404)
            request.send_header("X-Error-Code", "EntryNotFound")
            request.send_header("X-Error-Message", "Entry not found")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        begin = int((request.headers.get("Range") or "bytes=0-")[len("bytes=") :].rstrip("-"))
        served = data[:-1] + b"?" if name in self.broken else data
        request.send_response(206 if begin else 200)
        request.send_header("ETag", f'"{_etag(name, data)}"')
        request.send_header("X-Repo-Commit", COMMIT)
        request.send_header("Content-Length", str(len(data) - begin))
        if begin:
            request.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        request.end_headers()
        if body and name in self.cut:
            request.wfile.write(served[begin : len(data) // 2])
            request.close_connection = True
        elif body:
            request.wfile.write(served[begin:])


def _plain(path: str) -> str:
    repository, _, rest = path.strip("/").partition("/resolve/")
    return f"{repository}/{rest.partition('/')[2]}"


def _etag(name: str, data: bytes) -> str:
    if name.endswith(LARGE):
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()

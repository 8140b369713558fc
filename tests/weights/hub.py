# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the Hugging Face Hub: HEAD and GET of /OWNER/NAME/resolve/REVISION/PATH, with the headers it sends.

Modelled on what `huggingface_hub` reads of an answer (file_download.py): ETag, which is a git blob's SHA-1,
X-Repo-Commit, Content-Length, ranges, and X-Error-Code with a 404. Large files are redirected to another host, with
X-Linked-ETag, their SHA-256, and X-Linked-Size; here that host is `localhost`. Xet storage is not modelled.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = (".safetensors", ".pt", ".model")
CONTENT = "/content"


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
            _reply(request, 404, {"X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"})
        elif name.endswith(LARGE) and not request.path.startswith(CONTENT):
            place = self.address.replace("127.0.0.1", "localhost") + CONTENT + request.path
            linked = {
                "X-Linked-ETag": f'"{hashlib.sha256(data).hexdigest()}"',
                "X-Linked-Size": str(len(data)),
            }
            _reply(request, 302, {"Location": place, "X-Repo-Commit": COMMIT} | linked)
        else:
            self._send(request, name, data, body)

    def _send(self, request: BaseHTTPRequestHandler, name: str, data: bytes, body: bool) -> None:
        begin = int((request.headers.get("Range") or "bytes=0-")[len("bytes=") :].rstrip("-"))
        headers = {"ETag": f'"{_blob(data)}"', "X-Repo-Commit": COMMIT}
        if begin:
            headers["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
        _reply(request, 206 if begin else 200, headers, len(data) - begin)
        served = data[:-1] + b"?" if name in self.broken else data
        if body and name in self.cut:
            request.wfile.write(served[begin : len(data) // 2])
            request.close_connection = True
        elif body:
            request.wfile.write(served[begin:])


def _reply(request: BaseHTTPRequestHandler, code: int, headers: Mapping[str, str], length: int = 0) -> None:
    request.send_response(code)
    for name, value in (headers | {"Content-Length": str(length)}).items():
        request.send_header(name, value)
    request.end_headers()


def _plain(path: str) -> str:
    repository, _, rest = path.removeprefix(CONTENT).strip("/").partition("/resolve/")
    return f"{repository}/{rest.partition('/')[2]}"


def _blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()

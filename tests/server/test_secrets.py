# SPDX-License-Identifier: Apache-2.0
"""No secret is written, printed or visible: tokens, keys in the environment and words of an order are planted, a job is
run, fails are provoked, and everything that came of it is searched.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from void.v1 import frames_pb2, jobs_pb2

from tests.server.calls import Caller, sha256, spec_of
from void_server.access.tokens import token_digest
from void_server.pool.process import GIVEN_VARIABLES, KEPT_PREFIXES, KEPT_VARIABLES, worker_environment

CLOUD = {
    "AWS_SECRET_ACCESS_KEY": "planted-aws-4jf82hfkq01",
    "GEMINI_API_KEY": "planted-gemini-x82bd71jd",
    "HTTPS_PROXY": "http://user:planted-proxy-93hf@proxy:1",
}
GUESS = "planted-wrong-token-82hd71"
PROMPT = "planted prompt of an unreleased show"


@dataclass
class ProcessList:
    """What `ps` shows to every account while the test runs, and the environments of this store's workers."""

    store: Path
    lines: set[bytes] = field(default_factory=set)
    environments: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stop.wait(0.05):
            for folder in Path("/proc").glob("[0-9]*"):
                try:
                    command = (folder / "cmdline").read_bytes()
                    self.lines.add(command)
                    if b"void_server.pool.worker" in command and bytes(self.store) in command:
                        self.environments.add((folder / "environ").read_bytes())
                except OSError:
                    continue

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


@dataclass(frozen=True)
class Traces:
    """All that a run left, by where it was found, and the secrets that were planted."""

    found: dict[str, bytes]
    secrets: dict[str, str]
    environments: set[bytes]
    store: Path


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory, shot) -> Iterator[Traces]:
    """A server with two artists: one runs a job with the real command, the other fails in several ways."""
    folder = tmp_path_factory.mktemp("secrets")
    store, log = folder / "store", folder / "server.log"
    environment = os.environ | CLOUD
    serve = ("-m", "void_server", "serve", "--store", str(store), "--listen", "127.0.0.1:0", "--workers", "1")
    serve += ("--log-format", "json", "--log-level", "debug")
    process = subprocess.Popen(
        [sys.executable, *serve], stdout=subprocess.PIPE, stderr=log.open("wb"), env=environment, text=True
    )
    assert process.stdout is not None
    printed = process.stdout.readline() + process.stdout.readline()
    address = printed.split("\n")[0].split()[-1]
    watching = ProcessList(store)
    try:
        said = run("void_server", "tokens", "add", "anna", "--store", store, "--out", folder / "anna.token")
        tokens = {
            "owner token": (store / "token").read_text().strip(),
            "anna's token": (folder / "anna.token").read_text().strip(),
        }
        said += run("void_server", "tokens", "list", "--store", store)
        said += run(
            *("void_client", "remove", "--server", address, "--token-file", folder / "anna.token"),
            *("--plate", f"{shot.folder}/plate/plate.####.exr", "--range", f"{shot.first}-{shot.last}"),
            *("--remove", f"{shot.folder}/roto/roto.####.exr", "--out", folder / "out", "--name", "clean"),
            *("--affected", f"{shot.folder}/affected/affected.####.exr"),
        )
        provoke(address, tokens["anna's token"], shot)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        watching.stop()
    printed += process.stdout.read()
    process.stdout.close()
    files = [
        p for p in folder.rglob("*") if p.is_file() and p not in (store / "token", folder / "anna.token")
    ]
    found = {str(p.relative_to(folder)): p.read_bytes() for p in files}
    found |= {"what was printed": (printed + said).encode(), "process list": b"\n".join(watching.lines)}
    yield Traces(found, tokens | CLOUD | {"a wrong token": GUESS}, watching.environments, store)


def run(module: str, *arguments: object) -> str:
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def provoke(address: str, token: str, shot) -> None:
    """Calls that are refused, a file that is none, an order with words, and a job that fails."""
    for guess in (GUESS, token + GUESS):
        stranger = Caller(address, guess)
        with pytest.raises(grpc.RpcError):
            stranger.missing("0" * 64)
        stranger.close()
    caller = Caller(address, token)
    broken = caller.upload(token.encode()[::-1] + b"this is no picture")
    caller.frames.Probe(frames_pb2.ProbeRequest(digests=[broken.digest]), metadata=caller.metadata)
    spec = spec_of(shot, "/words")
    spec.shot.prompt = PROMPT
    spec.shot.plate.files[0].blob.CopyFrom(broken)
    assert caller.run(spec).state == jobs_pb2.JOB_STATE_FAILED
    with pytest.raises(grpc.RpcError):
        caller.download(sha256(b"never"))
    caller.close()


def test_the_run_left_what_is_searched(traces):
    for place in (
        "server.log",
        "store/audit.jsonl",
        "store/void.sqlite3",
        "out/clean.json",
        "store/tokens.json",
    ):
        assert traces.found[place], place
    assert b"void_client" in traces.found["process list"]
    assert b"void_server.pool.worker" in traces.found["process list"]
    assert traces.environments


def test_no_token_and_no_key_is_written_printed_or_in_the_process_list(traces):
    """Plain, and as base64 or hexadecimal would carry it."""
    for secret, value in traces.secrets.items():
        encoded = {
            value.encode(),
            base64.b64encode(value.encode()).rstrip(b"="),
            value.encode().hex().encode(),
        }
        for place, data in traces.found.items():
            assert not any(e in data for e in encoded), f"{secret} in {place}"


def test_of_a_named_token_only_the_hash_is_in_the_store(traces):
    digest = token_digest(traces.secrets["anna's token"]).encode()
    assert [p for p, data in traces.found.items() if digest in data] == ["store/tokens.json"]


def test_the_words_of_an_order_are_in_no_log(traces):
    """They are part of the order, and so of the database."""
    logs = ("server.log", "store/audit.jsonl", "what was printed", "process list")
    assert not any(PROMPT.encode() in traces.found[place] for place in logs)


def test_the_audit_log_names_no_file(traces):
    audit = traces.found["store/audit.jsonl"].decode()
    assert ".exr" not in audit and "plate" not in audit
    assert {json.loads(line)["principal"] for line in audit.splitlines()} == {"", "anna", "console"}


def test_workers_get_nothing_of_the_environment_but_what_they_need(traces):
    for environment in traces.environments:
        names = {entry.partition(b"=")[0].decode() for entry in environment.split(b"\0") if entry}
        assert all(n in KEPT_VARIABLES or n.startswith(KEPT_PREFIXES) or n in GIVEN_VARIABLES for n in names)
        assert not any(value.encode() in environment for value in traces.secrets.values())


def test_a_worker_s_environment_is_the_kept_variables_one_thread_and_no_hub():
    given = {
        "PATH": "/bin",
        "LC_ALL": "C",
        "OPENAI_API_KEY": "k",
        "OCIO": "/evil.ocio",
        "OMP_NUM_THREADS": "64",
    }
    assert worker_environment(given) == {"PATH": "/bin", "LC_ALL": "C"} | GIVEN_VARIABLES
    assert GIVEN_VARIABLES["OMP_NUM_THREADS"] == GIVEN_VARIABLES["HF_HUB_OFFLINE"] == "1"


def test_the_store_is_for_the_server_s_account_alone(traces):
    """Whatever the umask of the shell that started it."""
    assert not [p for p in [traces.store, *traces.store.rglob("*")] if p.stat().st_mode & 0o077]

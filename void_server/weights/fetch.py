# SPDX-License-Identifier: Apache-2.0
"""Fetch from the Hugging Face Hub: the one place of the server that goes to the network, and only when a user asks.

`huggingface_hub` belongs to the extra `void`, and is imported when something is fetched. It downloads into a folder
of its own; each file is then judged, published and recorded by itself, so that a broken fetch keeps what is whole.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from void_server.errors import DataLoss, PreconditionFailed, SourceUnavailable
from void_server.weights.arrival import Arrived, disk_full, take_in
from void_server.weights.catalogue import SINGLE, TEXT_ENCODER, WeightFile
from void_server.weights.digest import Progress, no_progress, sha256_of
from void_server.weights.folder import INCOMING, require_space
from void_server.weights.layout import State, expected, state_of
from void_server.weights.record import Record, load

OFFLINE = "HF_HUB_OFFLINE"
ENDPOINT = "HF_ENDPOINT"

_SHA256 = re.compile(r"[0-9a-f]{64}")
_T = TypeVar("_T")


@dataclass(frozen=True)
class Remote:
    """A file on the hub.

    Args:
        file: which.
        commit: the commit that its branch `main` stands at.
        size: length in bytes; 0 where the hub does not say.
        sha256: digest, which the hub knows of large files; empty otherwise.
    """

    file: WeightFile
    commit: str
    size: int
    sha256: str


def fetch(
    folder: Path, files: Sequence[WeightFile], *, anew: bool = False, progress: Progress = no_progress
) -> list[WeightFile]:
    """Fetch those of these files that are not there and whole; returns those fetched.

    Hold `folder.locked` meanwhile. The environment lets `huggingface_hub` out for as long as this runs.

    Raises:
        PreconditionFailed: `huggingface_hub` is not installed.
        SourceUnavailable: there is no network, or the hub refuses.
        StoreFull: the disk has too little space; told before the first file, or by the disk itself.
        DataLoss: what came is truncated, wrong, or not the file recorded.
        OSError: the weights folder refuses.
    """
    _drop_broken_single(folder)
    done: list[WeightFile] = []
    with _online() as hub:
        # A second round is needed only where the index that came names other shards than the catalogue.
        while batch := [file for file in _absent(folder, files, anew) if file not in done]:
            remotes = [_ask(hub, file) for file in batch]
            require_space(folder, sum(remote.size for remote in remotes))
            for remote in remotes:
                try:
                    _bring(hub, folder, remote, anew, progress)
                except OSError as error:
                    if (full := disk_full(error, folder)) is not None:
                        raise full from error
                    raise
                done.append(remote.file)
    return done


def _bring(hub: Any, folder: Path, remote: Remote, anew: bool, progress: Progress) -> Record:
    file = remote.file
    download = partial(
        hub.hf_hub_download,
        file.repository,
        file.path_in_repository,
        revision=remote.commit,
        local_dir=folder / INCOMING / file.repository,
        endpoint=os.environ.get(ENDPOINT),
    )
    path = Path(_asked(hub, file, download))
    sha256 = sha256_of(path, file.name, progress)
    if remote.sha256 and sha256 != remote.sha256:
        raise DataLoss(
            f"The file {file.name} arrived with SHA-256 {sha256}; the hub announced {remote.sha256}."
            " It was not taken.",
            fix="Give the command again; if it stays, something between here and the hub changes the bytes.",
        )
    source = f"{file.repository}@{remote.commit}"
    return take_in(folder, Arrived(file, path, sha256, source), load(folder), anew)


def _ask(hub: Any, file: WeightFile) -> Remote:
    endpoint = os.environ.get(ENDPOINT)
    url = hub.hf_hub_url(file.repository, file.path_in_repository, endpoint=endpoint)
    told = _asked(hub, file, partial(hub.get_hf_file_metadata, url, endpoint=endpoint))
    if not told.commit_hash or not told.etag:
        raise SourceUnavailable(
            f"What answers for {file.path_in_repository} of {file.repository} is no hub: it names no commit.",
            fix=f"A proxy may have answered, or ${ENDPOINT} names something else.",
        )
    sha256 = told.etag if _SHA256.fullmatch(told.etag) else ""
    return Remote(file, told.commit_hash, told.size or 0, sha256)


def _asked(hub: Any, file: WeightFile, call: Callable[[], _T]) -> _T:
    """The answer to a call of the hub; what the network or the hub refuses becomes a clear error."""
    try:
        return call()
    # The hub's own HTTP error derives from that of the HTTP library below, which a broken connection raises as it is.
    except (OSError, *hub.errors.HfHubHTTPError.__bases__) as error:
        if isinstance(error, OSError) and error.errno is not None and not isinstance(error, ConnectionError):
            raise
        reason = str(error.__cause__ or error).strip().partition("\n")[0]
        raise SourceUnavailable(
            f"{file.path_in_repository} of {file.repository} cannot be fetched: {reason}",
            fix="See that this machine reaches the hub (HTTPS_PROXY, HF_ENDPOINT), and give the command again. Without"
            " a network, fetch on another machine, and here: void-server weights import FOLDER",
        ) from error


def _absent(folder: Path, files: Sequence[WeightFile], anew: bool) -> list[WeightFile]:
    record = load(folder)
    return [
        file
        for file in expected(folder / "base", files)
        if anew or state_of(folder / file.name, record.files.get(file.name)).state is not State.PRESENT
    ]


def _drop_broken_single(folder: Path) -> None:
    """Remove a text encoder in one file that is not whole: the hub has shards, and a loader would prefer this one."""
    single = folder / "base" / TEXT_ENCODER / SINGLE
    recorded = load(folder).files.get(f"base/{TEXT_ENCODER}/{SINGLE}")
    if state_of(single, recorded).state in (State.TRUNCATED, State.WRONG):
        single.unlink()


@contextmanager
def _online() -> Iterator[Any]:
    """`huggingface_hub`, let out for as long as the context lasts, and held back in this process afterwards."""
    before = os.environ.get(OFFLINE)
    os.environ[OFFLINE] = "0"
    try:
        hub = _imported()
        # The library read its environment when it was imported, which may have been before.
        hub.constants.HF_HUB_OFFLINE = False
        # It would also tell the hub what runs here, and ask it for a list to do so.
        hub.constants.HF_HUB_DISABLE_TELEMETRY = True
        try:
            yield hub
        finally:
            hub.constants.HF_HUB_OFFLINE = True
    finally:
        if before is None:
            del os.environ[OFFLINE]
        else:
            os.environ[OFFLINE] = before


def _imported() -> Any:
    try:
        import huggingface_hub
        import huggingface_hub.constants
        import huggingface_hub.errors
    except ImportError as error:
        raise PreconditionFailed(
            f"To fetch weights, the package huggingface_hub is needed ({error}).",
            fix="Install it with: pip install 'void-for-hosts[void]'. Or bring the files in a folder:"
            " void-server weights import FOLDER",
        ) from error
    return huggingface_hub

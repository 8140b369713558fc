# SPDX-License-Identifier: Apache-2.0
"""One file for each accepted job, from which the database can be made again: `STORE/jobs/ID.json`."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import re
from dataclasses import dataclass
from pathlib import Path

from void_server.errors import VoidError
from void_server.frames.durable import sync_folder, write_file
from void_server.frames.storage_errors import storage_error

log = logging.getLogger(__name__)

FORMAT = 1
_NAME = re.compile(r"[0-9a-f]{12}\.json")


@dataclass(frozen=True)
class Manifest:
    """What was accepted.

    Attributes:
        id, request_id, attempt, owner, spec, fresh, created, number: see `void_server.jobs.model.JobRecord`.
        pinned: since when its files are kept until somebody says otherwise, in seconds since 1970; None = they are not.
    """

    id: str
    request_id: str
    attempt: int
    owner: str
    spec: bytes
    fresh: bool
    created: float
    number: int
    pinned: float | None = None

    def to_json(self) -> bytes:
        """The file's content."""
        tree = {
            "format": FORMAT,
            "id": self.id,
            "request_id": self.request_id,
            "attempt": self.attempt,
            "owner": self.owner,
            "fresh": self.fresh,
            "created": self.created,
            "number": self.number,
            "pinned": self.pinned,
            "spec_sha256": hashlib.sha256(self.spec).hexdigest(),
            "spec": base64.b64encode(self.spec).decode(),
        }
        return json.dumps(tree, indent=1).encode()

    @staticmethod
    def from_json(data: bytes) -> Manifest:
        """From the file's content.

        Raises:
            ValueError: it is damaged, or of a release that writes another format.
        """
        try:
            tree = json.loads(data)
            if tree["format"] != FORMAT:
                raise ValueError(f"format {tree['format']}; this release knows {FORMAT}")
            spec = base64.b64decode(tree["spec"], validate=True)
            if hashlib.sha256(spec).hexdigest() != tree["spec_sha256"]:
                raise ValueError("the spec is damaged")
            return Manifest(
                id=str(tree["id"]),
                request_id=str(tree["request_id"]),
                attempt=int(tree["attempt"]),
                owner=str(tree["owner"]),
                spec=spec,
                fresh=bool(tree["fresh"]),
                created=float(tree["created"]),
                number=int(tree["number"]),
                pinned=None if tree.get("pinned") is None else float(tree["pinned"]),
            )
        except (KeyError, TypeError, UnicodeDecodeError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error


class ManifestFolder:
    """The manifests of a store.

    Args:
        folder: made, durably, if it is not there; what a killed server left half-written in it is removed.

    Raises:
        StoreFull, StoreFailed: the disk refused (from every method).
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            if not folder.is_dir():
                folder.mkdir(parents=True)
                sync_folder(folder.parent)
            for leftover in folder.glob(".*.part"):
                leftover.unlink()
        except OSError as error:
            raise _typed(error) from error

    def write(self, manifest: Manifest) -> None:
        """Put a manifest on the disk: when this returns, file and folder are synced."""
        try:
            write_file(self._path(manifest.id), manifest.to_json(), mode=0o600)
        except OSError as error:
            raise _typed(error) from error

    def remove(self, job_id: str) -> None:
        """Forget a job, durably; one that has no manifest is fine."""
        try:
            self._path(job_id).unlink(missing_ok=True)
            sync_folder(self._folder)
        except OSError as error:
            raise _typed(error) from error

    def ids(self) -> set[str]:
        """The jobs that have a manifest."""
        return {path.stem for path in self._folder.iterdir() if _NAME.fullmatch(path.name)}

    def read(self, job_ids: set[str]) -> list[Manifest]:
        """The manifests of these jobs in the order of their acceptance; a damaged one is kept aside and logged."""
        found = [manifest for job_id in job_ids if (manifest := self._read(self._path(job_id)))]
        return sorted(found, key=lambda manifest: (manifest.number, manifest.id))

    def _read(self, path: Path) -> Manifest | None:
        try:
            manifest = Manifest.from_json(path.read_bytes())
            if manifest.id != path.stem:
                raise ValueError(f"it is the manifest of job {manifest.id}")
        except ValueError as error:
            aside = path.with_suffix(".damaged")
            path.replace(aside)
            log.error("the manifest of job %s cannot be read (%s); kept as %s", path.stem, error, aside)
            return None
        return manifest

    def _path(self, job_id: str) -> Path:
        return self._folder / f"{job_id}.json"


def _typed(error: OSError) -> VoidError | OSError:
    return storage_error(error) or error

# SPDX-License-Identifier: Apache-2.0
"""Build hook: generates the Python side of the contract, package `void.v1`, into `build/contract`.

Also generates `void.google_rpc` from the google/rpc protos, so that a client reads rich errors with nothing installed
beyond grpcio and protobuf. The descriptors keep their official file names, hence stay compatible on the wire.
"""

from __future__ import annotations

import shutil
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

RICH_ERRORS = ("status", "error_details")
HOSTS = ("plugin_nuke", "plugin_resolve", "plugin_line", "gizmos")
"""Files for hosts, which a wheel holds below `void_client/hosts`; a checkout and an editable install have them here."""


def generate(root: Path) -> Path:
    """Write `build/contract/void` below the repository root and return its parent.

    Raises:
        RuntimeError: protoc refused the contract; its message is on stderr.
    """
    from grpc_tools import protoc

    out = root / "build" / "contract"
    shutil.rmtree(out, ignore_errors=True)
    rich = root / "build" / "google_rpc"
    shutil.rmtree(rich, ignore_errors=True)
    out.mkdir(parents=True)
    rich.mkdir(parents=True)
    well_known = str(files("grpc_tools") / "_proto")
    google = _folder_of_google_rpc()
    bin_dir = Path(sys.executable).parent
    plugins = [
        f"--plugin=protoc-gen-{n}={_plugin(bin_dir, f'protoc-gen-{n}')}" for n in ("mypy", "mypy_grpc")
    ]
    contract = sorted(
        str(p.relative_to(root / "protos")) for p in (root / "protos" / "void").rglob("*.proto")
    )
    _run(
        protoc,
        f"-I{root / 'protos'}",
        f"-I{well_known}",
        *plugins,
        f"--python_out={out}",
        f"--grpc_python_out={out}",
        f"--mypy_out=quiet:{out}",
        f"--mypy_grpc_out=quiet:{out}",
        *contract,
    )
    _run(
        protoc,
        f"-I{google}",
        f"-I{well_known}",
        *plugins[:1],
        f"--python_out={rich}",
        f"--mypy_out=quiet:{rich}",
        *(f"google/rpc/{name}.proto" for name in RICH_ERRORS),
    )
    target = out / "void" / "google_rpc"
    target.mkdir()
    for name in RICH_ERRORS:
        for suffix in ("py", "pyi"):
            shutil.move(rich / "google" / "rpc" / f"{name}_pb2.{suffix}", target / f"{name}_pb2.{suffix}")
    for folder in (out / "void", out / "void" / "v1", target):
        (folder / "__init__.py").write_text("# SPDX-License-Identifier: Apache-2.0\n")
        (folder / "py.typed").touch()
    shutil.rmtree(rich)
    return out


def _folder_of_google_rpc() -> Path:
    from google import rpc

    return Path(next(iter(rpc.__path__))).parents[1]


def _plugin(bin_dir: Path, name: str) -> str:
    for folder in (bin_dir, *(Path(p).parent for p in [shutil.which(name)] if p)):
        for candidate in (folder / name, folder / f"{name}.exe"):
            if candidate.exists():
                return str(candidate)
    raise RuntimeError(f"{name} is not installed beside {sys.executable}; install mypy-protobuf")


def _run(protoc: Any, *arguments: str) -> None:
    if protoc.main(["protoc", *arguments]) != 0:
        raise RuntimeError("protoc refused the contract; its message is above")


class ContractBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs `generate` before each wheel and each editable install."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Generate before the files are collected."""
        root = Path(self.root)
        generate(root)
        if self.target_name == "wheel" and version == "standard":
            here = (name for name in HOSTS if (root / name).is_dir())
            build_data["force_include"].update({str(root / n): f"void_client/hosts/{n}" for n in here})


if __name__ == "__main__":
    print(generate(Path(__file__).resolve().parent))

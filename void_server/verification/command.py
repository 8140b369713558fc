# SPDX-License-Identifier: Apache-2.0
"""The command `void-server verify`, which `void verify` runs too, and `void-server sign-key`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

_DESCRIPTION = """\
Checks delivered frames against the sidecar that VOID delivered with them, and tells what a model changed.

FILE is a result (NAME.1001.exr), a pattern (NAME.####.exr), a sidecar (NAME.json) or a whole result folder. Of each
frame it is checked whether every sample is as published, whether the header and the sidecar say the same, and, where
the plate can be read, whether each sample outside the blend matte has the bits of the plate's sample.

Another program may have written a file again: what counts are its samples, windows, time code and colour space.
"""
_EPILOG = """\
examples:
  %(prog)s result/
  %(prog)s 'result/shot_void.####.exr' --plate 'plate.####.exr'
  %(prog)s result/ --public-key site.pem.pub --json

exit codes:
  0  every file is verified
  1  something differs: a sample, a header, or the signature is not valid
  2  something cannot be checked: a file, its sidecar, the plate that was named, or a signature that is not there"""

_KEY = """\
Makes the site's key pair for signing sidecars: FILE, the private key (mode 0600), and FILE.pub, the public one.

  void-server sign-key --out /etc/void/site.pem
  void-server serve --signing-key /etc/void/site.pem …
  void verify result/ --public-key site.pem.pub

Hand FILE.pub to whoever receives frames. Whoever has FILE can sign in the site's name.
"""


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to `void-server`; `run` of the parsed options returns the exit code."""
    raw = argparse.RawDescriptionHelpFormatter
    verify = commands.add_parser(
        "verify",
        help="check delivered frames against their sidecar",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=raw,
        allow_abbrev=False,
    )
    verify.add_argument("files", metavar="FILE", nargs="+", help="result, pattern, sidecar or folder")
    verify.add_argument(
        "--sidecar", type=Path, metavar="JSON", help="the sidecar (default: beside the frames)"
    )
    verify.add_argument(
        "--plate",
        metavar="PATTERN",
        help="the plate; it must be there (default: where the sidecar says, if it can be read)",
    )
    verify.add_argument(
        "--public-key",
        type=Path,
        metavar="FILE",
        help="the sidecar must be signed with this key's other half",
    )
    verify.add_argument("--json", action="store_true", help="print one JSON object")
    verify.set_defaults(run=_verify)
    key = commands.add_parser(
        "sign-key", help="make the key that signs sidecars", description=_KEY, formatter_class=raw
    )
    key.add_argument("--out", type=Path, required=True, metavar="FILE", help="the private key")
    key.set_defaults(run=_sign_key)


def _verify(options: argparse.Namespace, _default_store: Path) -> int:
    # What works on pictures is imported where it is needed: the server starts without it.
    from void_server.masks.progress import ended_once, told
    from void_server.verification.check import check_signature, plate_finder
    from void_server.verification.finding import File, find_files
    from void_server.verification.frame import check_file
    from void_server.verification.report import SidecarCheck, gravest

    with ended_once():
        files = find_files(options.files, options.sidecar)
        checked = []
        plate_of = plate_finder(options.plate)
        for file in told(files, "checking", len(files)):
            checked.append((file, check_file(file, plate_of(file), plate_asked=bool(options.plate))))

    def by_sidecar(pair: tuple[File, object]) -> str:
        return str(pair[0].sidecar.path)

    found: Sequence[SidecarCheck] = []
    for _, group in groupby(sorted(checked, key=by_sidecar), key=by_sidecar):
        pairs = list(group)
        sidecar = pairs[0][0].sidecar
        signature = check_signature(sidecar, options.public_key)
        found = [*found, SidecarCheck(sidecar, signature, tuple(check for _, check in pairs))]
    verdict = gravest([check.verdict for check in found])
    if options.json:
        tree = {"verdict": verdict.name.lower(), "sidecars": [check.to_json() for check in found]}
        print(json.dumps(tree))
    else:
        print("\n\n".join(check.to_text() for check in found))
    return verdict.value


def _sign_key(options: argparse.Namespace, _default_store: Path) -> int:
    from void_server.signing import key_id, make_key_pair, read_public_key

    private, public = make_key_pair(options.out)
    print(f"{private}  the private key, for `void-server serve --signing-key`")
    print(f"{public}  the public key {key_id(read_public_key(public))}, for `void verify --public-key`")
    return 0

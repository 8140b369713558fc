# SPDX-License-Identifier: Apache-2.0
# What try_container.sh and try_systemd.sh share; `make try-container` and `make try-systemd` run them, as root on Debian.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUNDLE=${BUNDLE:-$ROOT/dist/bundle}
PYTHON=$ROOT/.venv/bin/python
PORT=7788

said() { printf '%s  %s\n' "$(date -u +%T)" "$*"; }
failed() { said "FAILED: $*"; exit 1; }

needs() {
  [ "$(id -u)" = 0 ] || failed "this wants root"
  for pair in "$@"; do
    command -v "${pair%:*}" >/dev/null ||
      failed "there is no ${pair%:*}: apt-get install --no-install-recommends ${pair#*:}"
  done
  [ -d "$BUNDLE/wheels" ] || failed "there is no bundle: make bundle TARGETS=server-linux-cp311"
}

# A Debian with Python 3.11 and systemd as a tar file; $BASE_TAR names one that was made before.
debian() {
  [ -n "${BASE_TAR:-}" ] && { cp "$BASE_TAR" "$1"; return; }
  said "making a Debian"
  mmdebstrap --quiet --variant=minbase \
    --include=systemd,systemd-sysv,dbus,python3.11,python3.11-venv,procps,ca-certificates bookworm "$1"
}

# shot FOLDER FRAMES HEIGHT WIDTH SEED
shot() {
  (cd "$ROOT" && "$PYTHON" -c "
import sys; from pathlib import Path; from tests.small_shot import write_small_shot
folder, frames, height, width, seed = sys.argv[1], *map(int, sys.argv[2:])
write_small_shot(Path(folder), frames=frames, size=(height, width), seed=seed)" "$@")
}

# Where the client runs is said by $CLIENT, such as nsenter into the server's network.
void() { ${CLIENT:-} env -C "$ROOT" PYTHONPATH="$ROOT" "$PYTHON" -m void_client.cli.main "$@"; }

# remove SHOT OUT TOKEN CA: one order, to its end
remove() {
  void remove --server "localhost:$PORT" --token-file "$3" --ca "$4" --plate "$1/plate/plate.####.exr" \
    --remove "$1/roto/roto.####.exr" --affected "$1/affected/affected.####.exr" --out "$2" --name shot
}

verified() {
  void verify "$1" >"$1.verify" 2>&1 || { cat "$1.verify"; failed "$1 is not verified"; }
  tail -n 1 "$1.verify"
}

# until_true SECONDS COMMAND…
until_true() {
  local left=$1; shift
  until "$@" >/dev/null 2>&1; do left=$((left - 1)); [ "$left" -gt 0 ] || failed "waited in vain for: $*"; sleep 1; done
}

# ended SHOT OUT TOKEN CA: the order in the background, whose client may have given up after 20 s without a server; then
# the same one again goes on behind what was finished.
ended() {
  if ! wait "$ORDER"; then
    said "the client had given up; the same order again"
    remove "$@" >order.log 2>&1 || { tail order.log; failed "the job"; }
  fi
  ORDER=
  tail -n 1 order.log
  verified "$2"
}

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds the image of deploy/Containerfile, and runs it as docs/operations.md says: health, a job over TLS, a stop in the
# middle of another one, a start on the same store. In a network of its own, with a storage of its own in a new folder.
#
# The official base image is used where it can be pulled, else a stand-in made of Debian's packages.
# RUN_OPTIONS: more options for `podman run`, such as "--ulimit nproc=4096:4096 --ulimit nofile=16384:16384" where root
# may not raise limits.

set -euo pipefail
. "$(dirname "$0")/common.sh"
needs podman:podman crun:crun mmdebstrap:mmdebstrap iptables:iptables
BASE=$(sed -n 's/^FROM \([^ ]*\)$/\1/p' "$ROOT/deploy/Containerfile")

if [ -z "${TRY_FOLDER:-}" ]; then
  TRY_FOLDER=$(mktemp -d); export TRY_FOLDER
  cat >"$TRY_FOLDER/storage.conf" <<END
[storage]
driver = "overlay"
graphroot = "$TRY_FOLDER/images"
runroot = "$TRY_FOLDER/run"
END
  export CONTAINERS_STORAGE_CONF="$TRY_FOLDER/storage.conf"
  if ! podman pull -q "$BASE" >/dev/null 2>&1; then
    said "$BASE cannot be pulled: Debian's Python stands in for it"
    debian "$TRY_FOLDER/base.tar"
    podman import -q --change 'ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' "$TRY_FOLDER/base.tar" \
      localhost/debian >/dev/null
    rm "$TRY_FOLDER/base.tar"
    STAND_IN=1; export STAND_IN
  fi
  result=0
  unshare --mount --net "$0" "$@" || result=$?
  umount "$TRY_FOLDER/images/overlay" 2>/dev/null || true
  rm -rf "$TRY_FOLDER"
  exit $result
fi

cd "$TRY_FOLDER"
ip link set lo up
# crun takes cgroups of one version only.
if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi
trap 'podman rm -f -t 0 void >/dev/null 2>&1 || true; [ -z "${ORDER:-}" ] || kill "$ORDER" 2>/dev/null || true' EXIT

if [ -n "${STAND_IN:-}" ]; then
  printf 'FROM localhost/debian\nRUN ln -s /usr/bin/python3.11 /usr/local/bin/python\n' >Standin
  podman build -q --pull=never -t "$BASE" -f "$TRY_FOLDER/Standin" "$TRY_FOLDER" >/dev/null
fi
said "building the image"
podman build --pull=never --format docker -t void-server -f "$ROOT/deploy/Containerfile" "$BUNDLE" >build.log 2>&1 ||
  { tail build.log; failed "the build"; }
[ "$(podman inspect void-server --format '{{len .HealthCheck.Test}}')" -gt 0 ] || failed "the image has no health check"
said "built: $(podman images --format '{{.Size}}, image {{.ID}}' localhost/void-server)"

(cd "$ROOT" && PYTHONPATH=$ROOT "$PYTHON" -m void_server.main certs --out "$TRY_FOLDER/tls" --host localhost >/dev/null)
rm tls/ca-key.pem
install -d -m 700 store
chmod 755 tls "$TRY_FOLDER"
chown -R 7788:7788 store tls/server-key.pem
# shellcheck disable=SC2086
podman run -d --name void --stop-timeout 120 -p $PORT:7788 -v "$PWD/store:/srv/void" -v "$PWD/tls:/etc/void/tls:ro" \
  --read-only --tmpfs /tmp ${RUN_OPTIONS:-} void-server >/dev/null 2>run.log || { cat run.log; failed "podman run"; }
until_true 60 podman healthcheck run void
said "serves, healthy; processes: $(podman top void huser,args | awk 'NR > 1 {print $1, $4}' | sort | uniq -c | tr '\n' ';')"
[ "$(podman inspect void --format '{{len .EffectiveCaps}}')" = 0 ] || failed "it has capabilities"
(umask 077; podman exec void /opt/void/bin/void-server tokens add anna --store /srv/void >anna.token)

shot "$PWD/small" 8 180 240 1
remove "$PWD/small" "$PWD/first" "$PWD/anna.token" "$PWD/tls/ca.pem" 2>&1 | tail -n 1
verified "$PWD/first"

shot "$PWD/large" 12 540 960 2
remove "$PWD/large" "$PWD/second" "$PWD/anna.token" "$PWD/tls/ca.pem" >order.log 2>&1 &
ORDER=$!
until_true 60 grep -q motion order.log
podman stop void >/dev/null 2>&1
[ "$(podman inspect void --format '{{.State.ExitCode}}')" = 0 ] || failed "it did not drain"
podman logs void 2>&1 | grep -q 'asked to end' || failed "it was not asked to end"
grep -q '^Done' order.log && failed "the job had ended before the stop"
said "stopped in the middle of a job, exit code 0"
podman start void >/dev/null 2>&1
ended "$PWD/large" "$PWD/second" "$PWD/anna.token" "$PWD/tls/ca.pem"
said "all of it was seen"

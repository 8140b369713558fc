#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Boots a real systemd, of Debian, with systemd-nspawn, and installs there what docs/group_server.md says, with the unit
# as it is: its start and sandbox, jobs, a stop in the middle of one, kills of worker and server, exit code 2.
#
# Limits of memory need a host that lends that controller of cgroups version 2; whether it did is printed.

set -euo pipefail
. "$(dirname "$0")/common.sh"
needs mmdebstrap:mmdebstrap systemd-nspawn:systemd-container
TRY_FOLDER=$(mktemp -d); DISK=$TRY_FOLDER/disk
cd "$TRY_FOLDER"

finished() {
  [ -z "${ORDER:-}" ] || kill "$ORDER" 2>/dev/null || true
  if [ -n "${INIT:-}" ]; then kill -s RTMIN+4 "$INIT" 2>/dev/null || true; sleep 5; fi
  if [ -n "${MACHINE:-}" ]; then kill "$MACHINE" 2>/dev/null || true; fi
  mountpoint -q "$DISK/mnt/bundle" && umount "$DISK/mnt/bundle"
  rm -rf --one-file-system "$TRY_FOLDER"
}
trap finished EXIT

debian base.tar
mkdir "$DISK"; tar -C "$DISK" -xf base.tar; rm base.tar
said "installing from the bundle"
mkdir "$DISK/mnt/bundle"; mount --bind "$BUNDLE" "$DISK/mnt/bundle"
chroot "$DISK" sh -eu <<'END' >install.log 2>&1 || { tail install.log; failed "the install"; }
cd /mnt/bundle
python3.11 -m venv /opt/void
/opt/void/bin/python -m pip install --no-cache-dir --no-index --find-links wheels --require-hashes \
  -r requirements/server-linux-cp311.txt
useradd --system --user-group --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin void
install -d -o void -g void -m 700 /srv/void
install -d -o root -g void -m 750 /etc/void/tls
cd /root
/opt/void/bin/void-server certs --out tls --host localhost
install -o void -g void -m 600 tls/server-key.pem /etc/void/tls/
install -o root -g void -m 644 tls/server.pem tls/ca.pem /etc/void/tls/
systemctl mask systemd-networkd-wait-online.service systemd-firstboot.service
END
umount "$DISK/mnt/bundle"
cp "$DISK/root/tls/ca.pem" ca.pem
cp "$ROOT/deploy/void-server.service" "$DISK/etc/systemd/system/"

# Not its first boot, which would enable every unit.
echo 0123456789abcdef0123456789abcdef >"$DISK/etc/machine-id"
SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn --quiet --register=no --keep-unit --private-network --boot \
  --console=pipe --directory="$DISK" >boot.log 2>&1 </dev/null &
MACHINE=$!
until_true 20 pgrep -P "$MACHINE"
INIT=$(pgrep -P "$MACHINE" | head -n 1)
CLIENT="nsenter -t $INIT -n"
inside() { nsenter -t "$INIT" -m -u -i -n -p -r -w -C "$@"; }
property() { inside systemctl show -p "$1" --value void-server; }
is() { [ "$(property "$1")" = "$2" ]; }
until_true 60 inside systemctl is-active multi-user.target
said "booted: $(inside systemctl --version | head -n 1)"

inside systemctl enable --now void-server >/dev/null 2>&1 || failed "systemctl enable --now"
inside runuser -u void -- /opt/void/bin/void-server health --ca /etc/void/tls/ca.pem --store /srv/void >/dev/null ||
  failed "systemctl came back before it served"
PID=$(property MainPID)
inside grep -E '^(NoNewPrivs|Seccomp|CapEff|CapBnd):' "/proc/$PID/status" | tr -s '\t\n' '  '; echo
inside grep -q '^NoNewPrivs:.1' "/proc/$PID/status" || failed "new privileges"
inside grep -q '^Seccomp:.2' "/proc/$PID/status" || failed "no filter of system calls"
inside grep -q '^CapBnd:.0000000000000000' "/proc/$PID/status" || failed "capabilities"
as_service() { inside nsenter -t "$PID" -m setpriv --reuid void --regid void --clear-groups "$@"; }
for folder in /opt/void /etc /etc/void/tls /usr /var/lib /srv /root /home /run; do
  ! as_service touch "$folder/written" 2>/dev/null || failed "the service can write to $folder"
done
for folder in /srv/void /tmp /var/cache/void; do
  as_service touch "$folder/written" || failed "it cannot write to $folder"
done
as_service rm /srv/void/written
said "it writes to its store, /tmp and cache, and nowhere else that was tried"
controllers=$(inside cat /sys/fs/cgroup/cgroup.controllers)
case " $controllers " in *" memory "*) said "MemoryMax is in force" ;; *) said "MemoryMax is not in force here" ;; esac

(umask 077; inside runuser -u void -- /opt/void/bin/void-server tokens add anna --store /srv/void >anna.token)
shot "$PWD/small" 8 180 240 1
remove "$PWD/small" "$PWD/first" "$PWD/anna.token" "$PWD/ca.pem" 2>&1 | tail -n 1
verified "$PWD/first"

shot "$PWD/large" 12 540 960 2
remove "$PWD/large" "$PWD/second" "$PWD/anna.token" "$PWD/ca.pem" >order.log 2>&1 &
ORDER=$!
until_true 60 grep -q motion order.log
inside systemctl stop void-server
is Result success && is ExecMainStatus 0 || failed "the stop: $(property Result)"
grep -q '^Done' order.log && failed "the job had ended before the stop"
said "stopped in the middle of a job"
inside systemctl start void-server
until_true 30 inside pgrep -f void_server.pool.worker
inside pkill -9 -o -f void_server.pool.worker
sleep 2
inside kill -9 "$(property MainPID)"
until_true 30 is NRestarts 1
until_true 30 is ActiveState active
said "a worker and the server were killed; it is back"
ended "$PWD/large" "$PWD/second" "$PWD/anna.token" "$PWD/ca.pem"
inside journalctl -b -u void-server -o cat --no-pager | grep -q 'job=' || failed "no line of the journal names a job"

inside systemctl stop void-server
mv "$DISK/etc/void/tls/server-key.pem" "$DISK/root/"
inside systemctl start void-server 2>/dev/null && failed "it started without its key"
sleep 7
is ActiveState failed && is ExecMainStatus 2 && is NRestarts 0 || failed "it was started again after exit code 2"
said "not started again after exit code 2"
said "all of it was seen"

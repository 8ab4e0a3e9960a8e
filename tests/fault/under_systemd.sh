#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# lithosd under a real systemd: PID 1 of its own namespaces, which knows no other unit than the shipped one. Started when it
# says READY, reloaded, back after a crash, back after it stops giving signs of life, stopped. Changes nothing outside.
#   tests/fault/under_systemd.sh BUILD_FOLDER
# Exit code 77: cannot be done here, and why.
set -euo pipefail
build=$(realpath "$1")
source=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
skip() { echo "skipped: $*"; exit 77; }
[ "$(id -u)" -eq 0 ] || skip "takes root, for namespaces of its own"
for folder in "$build" "$source"; do
  case "$folder/" in /tmp/* | /var/tmp/*) skip "$folder: the unit has a /tmp of its own (PrivateTmp) and would not find the programs" ;; esac
done
[ -x /lib/systemd/systemd ] || skip "systemd is not installed here"
group_root=$(findmnt -n -t cgroup2 -o TARGET | head -1)
[ -n "$group_root" ] || skip "no cgroup2 is mounted here"

work=$(mktemp -d "$build/tests/systemd-XXXXXX")  # not in /tmp, which the unit has for itself
group="$group_root/lithos-test-$$"
mkdir "$group" 2>/dev/null || { rmdir "$work"; skip "control groups cannot be made here"; }
clean_up() {
  find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
  rm -rf "$work"
}
trap clean_up EXIT

mkdir "$work/units"
cat >"$work/lithos.toml" <<TOML
[[tenant]]
name = "a"
class = "throughput"
quota = 40
trace = "$source/configs/traces/dlrm_infer_b2048.csv"
arrivals = { kind = "closed" }
[[set]]
name = "only"
scheduler = "builtin.scheduler"
TOML
sed -e "s|/usr/bin/lithosd|$build/bin/lithosd|; s|/usr/bin/lithos |$build/bin/lithos |; s|/etc/lithos/lithos.toml|$work/lithos.toml|" \
    -e 's|WatchdogSec=10|WatchdogSec=2|' "$source/configs/daemon/lithosd.service" >"$work/units/lithosd.service"
printf '[Unit]\nWants=lithosd.service check.service\n' >"$work/units/default.target"
printf '[Unit]\nAfter=lithosd.service\n[Service]\nType=oneshot\nExecStart=/bin/bash %s/check.sh\n' "$work" >"$work/units/check.service"
for unit in basic.target sysinit.target shutdown.target umount.target final.target; do printf '[Unit]\n' >"$work/units/$unit"; done

cat >"$work/check.sh" <<CHECK
exec >"$work/said" 2>&1
end() { echo "\$1" >"$work/verdict"; systemctl poweroff --force --force; sleep 60; }
property() { systemctl show -p "\$1" --value lithosd; }
until_so() { for i in \$(seq 300); do "\$@" && return; sleep 0.1; done; end "failed: never: \$*"; }
started_again() { [ "\$(property NRestarts)" = "\$1" ] && [ "\$(property ActiveState)" = active ] && $build/bin/lithos status >/dev/null; }
[ "\$(property ActiveState)" = active ] || end "failed: not active after its start"
$build/bin/lithos status || end "failed: does not answer"
systemctl reload lithosd || end "failed: reload"
kill -SEGV "\$(property MainPID)"
until_so started_again 1
echo "back after a crash"
kill -STOP "\$(property MainPID)"
until_so started_again 2
echo "back after its watchdog"
systemctl stop lithosd
[ "\$(property Result)" = success ] || end "failed: stopped with \$(property Result)"
end ok
CHECK

echo $$ >"$group/cgroup.procs"
timeout 120 unshare --pid --mount --uts --ipc --cgroup --fork --kill-child --propagation private bash -c '
  mount -t proc proc /proc && mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/lib &&
  mount -t cgroup2 cgroup2 /sys/fs/cgroup &&
  exec env -i PATH="$PATH" container=lithos SYSTEMD_UNIT_PATH="$0/units" \
    /lib/systemd/systemd --system --log-target=console --show-status=no' "$work" >"$work/log" 2>&1 </dev/null || true
echo $$ >"$group_root/cgroup.procs"

[ -f "$work/said" ] || { tail -20 "$work/log"; skip "systemd did not get as far as the unit here"; }
cat "$work/said"
verdict=$(cat "$work/verdict" 2>/dev/null || echo "failed: no verdict within two minutes")
echo "under systemd $(/lib/systemd/systemd --version | head -1 | cut -d' ' -f2): $verdict"
[ "$verdict" = ok ] || { tail -40 "$work/log"; exit 1; }

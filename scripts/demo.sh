#!/bin/bash
# SPDX-License-Identifier: MIT
#
# make demo: Debian's stock cloud kernel and a small busybox initramfs, booted by trapeze. On a host
# with hardware virtualization directly; on any other the very same binary does it in the lab.
#
# DEMO_ARGS adds options to trapeze run. LAB=1 takes the lab in any case.
set -u
B=${B:-build}
export B
cd "$(dirname "$0")/.." || exit 1

scripts/deps.sh demo || exit 1
make -s --no-print-directory -j"$(nproc)" B="$B" static "$B/lab/initrd" || exit 1
trapeze=$B/static/trapeze
run=(run -c 2 -m 512M -p "console=ttyS0 quiet" --stats --timeout 120)

if [ -n "${LAB:-}" ]; then
	why="You asked for the lab (LAB=1)."
	direct=false
elif why=$("$trapeze" doctor --need hardware-kvm 2>&1); then
	direct=true
else
	direct=false
fi
echo "$why"

# shellcheck disable=SC2206
extra=(${DEMO_ARGS:-})
if $direct; then
	set -- "$trapeze" "${run[@]}" -k "$B/kernel/vmlinuz" -i "$B/lab/initrd" ${extra[@]+"${extra[@]}"}
	echo "+ $*"
	"$@" </dev/null
	rc=$?
else
	scripts/deps.sh lab || exit 1
	make -s --no-print-directory B="$B" lab-files || exit 1
	echo "So this runs in the lab, an emulated machine with AMD-V: the same binary, some ten times slower."
	set -- /trapeze "${run[@]}" -k /guest/bzImage -i /guest/initrd ${extra[@]+"${extra[@]}"}
	echo "+ $*"
	LAB_FILES_MADE=1 tests/lab/lab run --timeout 240 --log "$B/lab/demo" -- "$@" </dev/null
	rc=$?
fi
if [ $rc = 0 ]; then
	echo "demo: exit status 0: the guest powered itself off."
else
	echo "demo: exit status $rc (docs/cli.md lists what each one means)." >&2
fi
exit $rc

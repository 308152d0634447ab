#!/bin/bash
# SPDX-License-Identifier: MIT
#
# make soak: guests started, reset, ended in every way, over and over, for SOAK_MINUTES (60). Small
# guests on this host's /dev/kvm by the thousand, Linux in the lab, suite after suite; VMMs killed and
# power cut under disks; disks, networks and sockets of Linux guests under the sanitizers. Ends at the
# first failure and says after how many rounds.
set -u
B=${B:-build}
export B
cd "$(dirname "$0")/.." || exit 1
until=$((SECONDS + ${SOAK_MINUTES:-60} * 60))
scripts/deps.sh lab || exit 1
make -s B="$B" all static firmware lab-files durability-files || exit 1

# Disks first: SOAK_KILLS (1000) kills of the VMM and half as many power cuts, under a guest that
# keeps a log on its disk.
if [ -r /dev/kvm ] && [ -w /dev/kvm ] && [ "${SOAK_KILLS:-1000}" -gt 0 ]; then
	for t in kill powercut; do
		if ! KILLS=${SOAK_KILLS:-1000} CUTS=$((${SOAK_KILLS:-1000} / 2)) tests/durability/$t.sh "$B/trapeze" "$B" >"$B/soak.log" 2>&1; then
			echo "soak: tests/durability/$t.sh failed:"
			grep -A 30 -m 1 '^not ok' "$B/soak.log" || tail -n 40 "$B/soak.log"
			exit 1
		fi
		echo "soak: $t: $(grep -c '^ok' "$B/soak.log") tests$(sed -n 's/^# \([0-9]* kills.*\)/, /p' "$B/soak.log")"
	done
fi

# Disks, networks and sockets under the sanitizers, too: in make check only our small guests have them.
make -s B="$B-asan" SAN=address,undefined OPT='-O1 -g' "$B-asan/trapeze" || exit 1
for devices in disk- "net- vhost" "vsock virtio-"; do
	# shellcheck disable=SC2086
	if ! COUNTS='' LAB_TRAPEZE="$B-asan/trapeze" scripts/lab.sh $devices >"$B/soak.log" 2>&1; then
		echo "soak: $devices in the lab failed with $B-asan/trapeze:"
		grep -A 60 -m 1 '^not ok' "$B/soak.log" || tail -n 40 "$B/soak.log"
		exit 1
	fi
	echo "soak: $devices in the lab under the sanitizers: $(tail -n 1 "$B/soak.log")"
done

small=0 suites=0
while [ $SECONDS -lt $until ]; do
	if [ -r /dev/kvm ] && [ -w /dev/kvm ]; then
		for ((i = 0; i < 500; i++)); do
			"$B/trapeze" run -q -m 64M -k "$B/firmware/exit.elf" --timeout 20 </dev/null >"$B/soak.log" 2>&1
			rc=$?
			if [ $rc != 41 ]; then
				echo "soak: run $small of the small guest ended with $rc, expected 41:"
				tail -n 20 "$B/soak.log"
				exit 1
			fi
			small=$((small + 1))
		done
	fi
	COUNTS='' LAB_SOAK=1 scripts/lab.sh >"$B/soak.log" 2>&1 || {
		echo "soak: suite $suites in the lab failed:"
		grep -A 60 -m 1 '^not ok' "$B/soak.log" || tail -n 40 "$B/soak.log"
		exit 1
	}
	suites=$((suites + 1))
	echo "soak: $small small guests, $suites suites of Linux guests, no failure yet"
done

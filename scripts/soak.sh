#!/bin/bash
# SPDX-License-Identifier: MIT
#
# make soak: guests started, reset, ended in every way, over and over, for SOAK_MINUTES (60). Small
# guests on this host's /dev/kvm by the thousand, Linux in the lab, suite after suite. Ends at the
# first failure and says after how many rounds.
set -u
B=${B:-build}
export B
cd "$(dirname "$0")/.." || exit 1
until=$((SECONDS + ${SOAK_MINUTES:-60} * 60))
scripts/deps.sh lab || exit 1
make -s B="$B" all static firmware lab-files || exit 1

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
	COUNTS='' scripts/lab.sh >"$B/soak.log" 2>&1 || {
		echo "soak: suite $suites in the lab failed:"
		grep -A 60 -m 1 '^not ok' "$B/soak.log" || tail -n 40 "$B/soak.log"
		exit 1
	}
	suites=$((suites + 1))
	echo "soak: $small small guests, $suites suites of Linux guests, no failure yet"
done

#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Runs libFuzzer targets for a while each, one per CPU at a time, starting from the corpus in the
# tree. What they find goes to BUILD/fuzz; the tree stays as it is, a finding worth keeping is copied
# over by hand.
#
#   scripts/run-fuzz.sh BUILD TARGET...        FUZZ_SECONDS (30) each
set -u
build=$1
shift
secs=${FUZZ_SECONDS:-30}
[ $# -gt 0 ] || { echo "fuzz: there is no target in tests/fuzz" >&2; exit 1; }

one() { # TARGET
	local t=$1 name seeds work log dict runs
	name=$(basename "$t")
	seeds=tests/fuzz/corpus/${name#fuzz_} dict=tests/fuzz/${name#fuzz_}.dict
	work=$build/fuzz/work-$name log=$build/fuzz/$name.log
	mkdir -p "$work"
	local dirs=("$work") opts=(-max_total_time="$secs" -timeout=10 -rss_limit_mb=2048
		-print_final_stats=1 -artifact_prefix="$build/fuzz/$name-")
	[ ! -d "$seeds" ] || dirs+=("$seeds")
	[ ! -e "$dict" ] || opts+=(-dict="$dict")
	if timeout -k 5 $((secs + 120)) "$t" "${opts[@]}" "${dirs[@]}" >"$log" 2>&1 </dev/null; then
		runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
		echo "ok $name: ${runs:-0} runs in $secs s"
		[ -z "${COUNTS:-}" ] || echo "pass fuzz/$name" >>"$COUNTS"
	else
		echo "FAIL $name; its output ends:"
		tail -n 40 "$log" | sed 's/^/    /'
		[ -z "${COUNTS:-}" ] || echo "fail fuzz/$name" >>"$COUNTS"
		touch "$build/fuzz/failed"
	fi
}

rm -f "$build/fuzz/failed"
jobs=$(nproc)
for t; do
	while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
	one "$t" &
done
wait
[ ! -e "$build/fuzz/failed" ]

#!/bin/bash
# SPDX-License-Identifier: MIT
#
# make lab: builds what the lab needs, runs the cases, and counts them.
#
#   scripts/lab.sh [CASE...]        names or their beginnings; none: all, but those with a line
#                                   "# soak: WHY", which are make soak's (LAB_SOAK=1)
#
# Two labs share the cases, one emulated CPU each: that is as fast as one lab with two, and steadier,
# because nested guests on two emulated CPUs at once now and then bring down the emulated host (or
# show a guest a triple fault that never was). LAB_SMP=2 has one such lab all the same. A lab that
# dies takes its cases' results with it; they run once more in a fresh one, and it is said.
#
# LAB_TRAPEZE: the program to test (BUILD/static/trapeze), such as build-asan/trapeze.
set -u
B=${B:-build}
export B
cd "$(dirname "$0")/.." || exit 1
scripts/deps.sh lab || exit 1
make -s --no-print-directory B="$B" all static lab-files durability-files "$B/unit/test_vhost_kernel" || exit 1
smp=${LAB_SMP:-1}
labs=${LABS:-$((smp > 1 ? 1 : 2))}

cases=()
for f in tests/lab/cases/*.sh; do
	c=$(basename "$f" .sh)
	if [ $# = 0 ]; then
		[ -z "${LAB_SOAK:-}" ] && grep -q '^# soak' "$f" || cases+=("$c")
	else
		for want; do
			case $c in "$want"*) cases+=("$c"); break ;; esac
		done
	fi
done
[ ${#cases[@]} -gt 0 ] || { echo "lab: no case begins with any of: $*" >&2; exit 2; }
# Long ones first, so that no lab is left with a long one at the end.
order() {
	for c; do
		printf '%s %s\n' "$(sed -n 's/^# limit: \([0-9]*\).*/\1/p' "tests/lab/cases/$c.sh" | grep . || echo 60)" "$c"
	done | LC_ALL=C sort -s -k1,1nr | cut -d' ' -f2
}

results=$B/lab/results
: >"$results"
pids=()
trap '[ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null' INT TERM

round() { # CASE...
	local i=0 c n=$labs
	local -A share
	[ $# -ge "$n" ] || n=$#
	for c in $(order "$@"); do
		share[$((i % n))]+="$c "
		i=$((i + 1))
	done
	pids=()
	for ((i = 0; i < n; i++)); do
		# shellcheck disable=SC2086
		LAB_FILES_MADE=1 tests/lab/lab suite --smp "$smp" --trapeze "${LAB_TRAPEZE:-$B/static/trapeze}" --log "$B/lab/log$i" ${share[$i]} &
		pids+=($!)
	done
	wait
	for ((i = 0; i < n; i++)); do
		tr -d '\r' <"$B/lab/log$i/verdict" | grep -E '^(pass|fail|skip) ' >>"$results"
	done
}

missing=("${cases[@]}")
for try in 1 2 3; do
	round "${missing[@]}"
	missing=()
	for c in "${cases[@]}"; do
		grep -qE "^(pass|fail|skip) $c(:|\$)" "$results" || missing+=("$c")
	done
	[ ${#missing[@]} -gt 0 ] || break
	[ $try = 3 ] || echo "lab: a lab died; once more, in a fresh one: ${missing[*]}"
done
for c in ${missing[@]+"${missing[@]}"}; do
	echo "not ok $c (three labs died over it)"
	echo "fail $c" >>"$results"
done

if [ -n "${COUNTS:-}" ]; then
	sed 's/^\(pass\|fail\|skip\) /\1 lab\//' "$results" >>"$COUNTS"
fi
count() { grep -c "^$1 " "$results"; }
echo "lab: $(count pass) passed, $(count fail) failed, $(count skip) skipped"
[ "$(count fail)" = 0 ]

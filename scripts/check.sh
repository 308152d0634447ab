#!/bin/bash
# SPDX-License-Identifier: MIT
#
# make check: everything, in order. Each stage says how long it took; the last line adds up single
# tests, "N passed, N failed, N skipped". Exit status 1 if anything failed.
#
#   scripts/check.sh [STAGE...]       some stages only, e.g. "unit lab"
#
# DEPS=skip installs nothing. FUZZ_SECONDS (7) per fuzz target.
set -u
B=${B:-build}
cd "$(dirname "$0")/.." || exit 1
export FUZZ_SECONDS=${FUZZ_SECONDS:-7}
unset MAKEFLAGS MFLAGS MAKELEVEL
make=(make --no-print-directory -k -j"$(nproc)" B="$B")
began=$SECONDS
all=(deps kernel build build-clang format layers docs unit cli kvm durability tidy analyze asan tsan fuzz lab)
[ $# -gt 0 ] || set -- "${all[@]}"

mkdir -p "$B"
total=$(mktemp "$B/check.XXXXXX")
export COUNTS=$total.stage
trap 'rm -f "$total" "$COUNTS"' EXIT
failures=()

stage_deps() { scripts/deps.sh check; }
stage_kernel() { "${make[@]}" kernel; }
stage_build() { "${make[@]}" all static; }
stage_build-clang() { make --no-print-directory -j"$(nproc)" B="$B-clang" CC=clang all; }
stage_format() { "${make[@]}" check-format; }
stage_layers() { "${make[@]}" check-layers; }
stage_docs() { "${make[@]}" docs-check; }
stage_unit() { "${make[@]}" unit; }
stage_cli() { "${make[@]}" cli; }
stage_kvm() { "${make[@]}" kvm; }
stage_durability() { "${make[@]}" durability; }
stage_tidy() { "${make[@]}" tidy; }
stage_analyze() { "${make[@]}" analyze; }
stage_asan() { "${make[@]}" check-asan; }
stage_tsan() { "${make[@]}" check-tsan; }
stage_fuzz() { "${make[@]}" fuzz; }
stage_lab() { "${make[@]}" lab; }

for s; do
	declare -F "stage_$s" >/dev/null || { echo "check: no stage is called '$s' (${all[*]})" >&2; exit 2; }
done
for s; do
	echo "=== $s"
	t=$SECONDS
	: >"$COUNTS"
	"stage_$s" </dev/null
	rc=$?
	# A stage that counts nothing itself is one test; one that failed has at least one failure.
	if [ $rc != 0 ] && ! grep -q '^fail ' "$COUNTS"; then
		echo "fail $s" >>"$COUNTS"
	elif [ ! -s "$COUNTS" ]; then
		echo "pass $s" >>"$COUNTS"
	fi
	sed "s|^\([a-z]*\) |\1 $s: |" "$COUNTS" >>"$total"
	echo "=== $s: $([ $rc = 0 ] && echo ok || echo FAILED) ($((SECONDS - t)) s)"
	if [ $rc != 0 ]; then
		failures+=("$s")
		# Without a program there is nothing to test.
		case $s in deps | kernel | build) break ;; esac
	fi
done

echo
if [ ${#failures[@]} -gt 0 ]; then
	echo "failed:"
	sed -n 's/^fail /  /p' "$total" | head -n 100
fi
if grep -q '^skip ' "$total"; then
	echo "skipped:"
	sed -n 's/^skip /  /p' "$total" | head -n 100
fi
printf '%d min %d s\n' $(((SECONDS - began) / 60)) $(((SECONDS - began) % 60))
count() { grep -c "^$1 " "$total"; }
echo "$(count pass) passed, $(count fail) failed, $(count skip) skipped"
[ ${#failures[@]} = 0 ] && [ "$(count fail)" = 0 ]

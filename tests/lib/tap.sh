# SPDX-License-Identifier: MIT
#
# tap.sh: what the shell tests share; sourced by bash scripts. Results are TAP lines; a script ends with
# finish. Sets $TRAPEZE (from the first argument or the environment), $B, $top and $tmp, a directory of
# its own.
# shellcheck shell=bash disable=SC2034

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
B=${2:-${B:-$top/build}}
TRAPEZE=$(realpath "${1:-${TRAPEZE:-$B/trapeze}}")
[ -x "$TRAPEZE" ] || { echo "Bail out! no program '$TRAPEZE': run make"; exit 1; }
B=$(realpath "$B")
guests=$B/firmware/tests
export LC_ALL=C # guests say bytes, not characters
# ThreadSanitizer sleeps a second at the end of each run, for races at the very end.
export TSAN_OPTIONS=${TSAN_OPTIONS:-atexit_sleep_ms=50}
seeds=$top/tests/fuzz/corpus
PASS=85 # firmware/tests/guest.h: 42 * 2 + 1

count=0 passed=0 failed=0 skipped=0
tmp=$(mktemp -d "${TMPDIR:-/tmp}/trapeze-test.XXXXXX") || exit 1
children=()
cleanup() {
	[ ${#children[@]} = 0 ] || kill -KILL "${children[@]}" 2>/dev/null
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

show() { # FILE: what there is to see, as TAP comments, nothing a terminal would act on
	head -c 2000 "$1" 2>/dev/null | tr -c '[:print:]\n\t' '?' | sed 's/^/#   /'
}

ok() { # NAME
	count=$((count + 1)) passed=$((passed + 1))
	echo "ok $count - $1"
}

not_ok() { # NAME REASON: and what the last run said
	count=$((count + 1)) failed=$((failed + 1))
	echo "not ok $count - $1"
	echo "# $2"
	show "$tmp/out"
	show "$tmp/err"
}

skip() { # NAME REASON
	count=$((count + 1)) skipped=$((skipped + 1))
	echo "ok $count - $1 # SKIP $2"
}

is() { # NAME CONDITION...: a test of its own
	local name=$1
	shift
	if "$@"; then ok "$name"; else not_ok "$name" "not so: $*"; fi
}

wanted() { case $1 in *${ONLY:-}*) ;; *) return 1 ;; esac; }

# Programs under a sanitizer use more of everything, and have handlers of their own.
sanitized() { nm -D "$TRAPEZE" 2>/dev/null | grep -q '__asan_init\|__tsan_init'; }

need_kvm() {
	[ -r /dev/kvm ] && [ -w /dev/kvm ] && return
	echo "1..0 # SKIP no access to /dev/kvm"
	exit 77
}

# Runs trapeze to its end: $status, $tmp/out, $tmp/err. The outer timeout is for one that does not keep
# its own.
run() {
	timeout -k 2 60 "$TRAPEZE" run "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	status=$?
}

# judge STATUS MESSAGE NAME: of the last run. MESSAGE is an extended regular expression for what it said.
judge() {
	if [ "$status" != "$1" ]; then
		not_ok "$3" "exit status $status, not $1"
	elif [ -n "$2" ] && ! grep -Eq -- "$2" "$tmp/err"; then
		not_ok "$3" "no message matches '$2'"
	else
		ok "$3"
	fi
}

# refused STATUS MESSAGE NAME ARGUMENT...: trapeze says so in one sentence (and a hint) and starts nothing.
refused() {
	local want=$1 message=$2 name=$3
	shift 3
	wanted "$name" || return
	run --timeout 5 "$@"
	if [ -s "$tmp/out" ]; then
		not_ok "$name" "something is on standard output"
	elif grep -q 'the guest' "$tmp/err"; then
		not_ok "$name" "a guest was started"
	elif [ "$(grep -vc '^  ' "$tmp/err")" != 1 ]; then
		not_ok "$name" "not one sentence"
	else
		judge "$want" "^trapeze: $message" "$name"
	fi
}

# patch FILE OFFSET HEX: overwrites bytes in place.
patch() {
	# shellcheck disable=SC2001
	printf '%b' "$(sed 's/../\\x&/g' <<<"$3")" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
	local end=$((SECONDS + $1 + 1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.02
	done
}

finish() {
	echo "1..$count"
	echo "# $passed passed, $failed failed, $skipped skipped"
	[ $failed = 0 ]
}

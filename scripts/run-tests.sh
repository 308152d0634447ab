#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Runs test programs and counts single tests, not programs.
#
#   scripts/run-tests.sh [--need-kvm] [--jobs N] STAGE PROGRAM...
#
# N programs run at a time (1); results come in the order of the programs all the same.
#
# A program says what it did in TAP (cmocka does when asked), or only by its exit status: 0 passed,
# 77 skipped, anything else failed. One that dies, hangs or says nothing has failed. Each result is
# appended to $COUNTS (if set) as "pass|fail|skip STAGE/NAME", for make check to add up.
set -u
need_kvm=false jobs=1
while :; do
	case $1 in
	--need-kvm) need_kvm=true; shift ;;
	--jobs) jobs=$2; shift 2 ;;
	*) break ;;
	esac
done
stage=$1
shift
limit=${TEST_TIMEOUT:-180}
export CMOCKA_MESSAGE_OUTPUT=TAP
passed=0 failed=0 skipped=0

note() { # KIND NAME [REASON]
	case $1 in
	pass) passed=$((passed + 1)) ;;
	fail) failed=$((failed + 1)) ;;
	skip) skipped=$((skipped + 1)) ;;
	esac
	[ -z "${COUNTS:-}" ] || printf '%s %s\n' "$1" "$stage/$2${3:+: $3}" >>"$COUNTS"
}

if $need_kvm && ! { [ -r /dev/kvm ] && [ -w /dev/kvm ]; }; then
	for t; do
		echo "SKIP $(basename "$t"): no access to /dev/kvm"
		note skip "$(basename "$t")" "no access to /dev/kvm"
	done
	set --
fi

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# Its output and exit status go to $dir/N and $dir/N.status; the status comes last.
run() { # N PROGRAM
	local cmd=("$2")
	case $2 in *.sh) cmd+=("${TRAPEZE:-build/trapeze}") ;; esac # in the shell of its first line
	timeout -k 5 "$limit" "${cmd[@]}" >"$dir/$1" 2>&1 </dev/null
	echo $? >"$dir/$1.status"
}

start() { # PROGRAM...
	local i=0 t
	for t; do
		while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
		run $i "$t" &
		i=$((i + 1))
	done
	wait
}

start "$@" &
i=0
for t; do
	name=$(basename "$t") out=$dir/$i
	until [ -s "$out.status" ]; do sleep 0.02; done
	rc=$(cat "$out.status")
	i=$((i + 1))
	ok=0 bad=0 tap=0
	while IFS= read -r line; do
		case $line in
		"ok "*"# SKIP"* | "ok "*"# skip"* | "not ok "*"# SKIP"*)
			tap=$((tap + 1))
			echo "SKIP $name: ${line#*ok }"
			note skip "$name" "${line#*ok }"
			;;
		"ok "*)
			tap=$((tap + 1)) ok=$((ok + 1))
			line=${line#ok }
			note pass "$name/${line#* - }"
			;;
		"not ok "*)
			tap=$((tap + 1)) bad=$((bad + 1))
			line=${line#not ok }
			note fail "$name/${line#* - }"
			;;
		esac
	done < <(tr -d '\0' <"$out")
	if [ $tap = 0 ]; then
		case $rc in
		0) ok=1; note pass "$name" ;;
		77) note skip "$name" "$(tail -n 1 "$out")"; echo "SKIP $name: $(tail -n 1 "$out")" ;;
		*) bad=1; note fail "$name" "exit status $rc" ;;
		esac
	elif [ $rc != 0 ] && [ $bad = 0 ]; then
		bad=1
		note fail "$name" "exit status $rc after its last test"
	fi
	if [ $bad != 0 ]; then
		case $rc in
		124 | 137) why="no end within $limit s" ;;
		*) why="exit status $rc" ;;
		esac
		echo "FAIL $name ($why)"
		grep -a -A 6 '^ *not ok ' "$out" | head -n 60 | sed 's/^/    /'
		echo "    its output ends:"
		tail -n 60 "$out" | sed 's/^/    /'
	fi
	rm -f "$out"
done
echo "$stage: $passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ] || exit 1
if [ $passed = 0 ] && [ $skipped = 0 ] && [ $# -gt 0 ]; then
	echo "$stage: the programs ran no test" >&2
	exit 1
fi

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
programs=("$@") started=0 statuses=()
declare -A running=() # the number of the program that a process runs
# Nobody outlives the runner: what timeout(1) is sent, its program and all in the program's process
# group get as well, and SIGKILL after five seconds.
end() {
	local pids
	trap '' INT TERM HUP
	pids=$(jobs -p)
	# shellcheck disable=SC2086
	[ -z "$pids" ] || kill $pids 2>/dev/null
	wait
	rm -rf "$dir"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# start N: its output goes to $dir/N.
start() {
	local cmd=("${programs[$1]}")
	case ${cmd[0]} in *.sh) cmd+=("${TRAPEZE:-build/trapeze}") ;; esac # in the shell of its first line
	# What a script starts in the background ignores SIGINT and SIGQUIT, unless it is told not to.
	exec env --default-signal=INT,QUIT timeout -k 5 "$limit" "${cmd[@]}" >"$dir/$1" 2>&1 </dev/null
}
fill() {
	while [ ${#running[@]} -lt "$jobs" ] && [ $started -lt ${#programs[@]} ]; do
		start $started &
		running[$!]=$started
		started=$((started + 1))
	done
}
# Waits for one to end; notes its status.
reap() {
	local pid rc
	wait -n -p pid "${!running[@]}" 2>/dev/null # where bash would remark on a signal
	rc=$?
	statuses[running[$pid]]=$rc
	unset "running[$pid]"
}

for ((i = 0; i < ${#programs[@]}; i++)); do
	fill
	while [ -z "${statuses[i]:-}" ]; do
		reap
		fill
	done
	name=$(basename "${programs[i]}") out=$dir/$i rc=${statuses[i]}
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
if [ $passed = 0 ] && [ $skipped = 0 ] && [ ${#programs[@]} -gt 0 ]; then
	echo "$stage: the programs ran no test" >&2
	exit 1
fi

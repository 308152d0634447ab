# SPDX-License-Identifier: MIT
#
# What the cases are written with. A case is read by a shell in the lab, runs guests, and says what
# it expects; the first expectation that fails ends it. Its "# limit: N" line gives it N seconds.
#
# After run_guest: $status is the exit status, $console and $messages are files.
n=0
console=$DIR/console messages=$DIR/messages status=none
V=/trapeze
BZIMAGE=/guest/bzImage VMLINUX=/guest/vmlinux INITRD=/guest/initrd
QUIET="console=ttyS0 quiet"

fail() {
	echo "FAIL: $*"
	exit 1
}
skip() {
	echo "$*" >"$DIR/skip"
	exit 77
}
# A case that never expected anything has proved nothing.
finish() {
	[ "$n" -gt 0 ] || fail "the case checks nothing"
	exit 0
}

# guest ARGS...: the command line of a run with a kernel, an initrd and a time limit, unless given.
guest() {
	local a k=1 i=1 t=1
	for a; do
		case $a in
		-k | --kernel | --kernel=*) k=0 ;;
		-i | --initrd | --initrd=*) i=0 ;;
		--timeout | --timeout=*) t=0 ;;
		esac
	done
	[ $k = 0 ] || set -- -k $BZIMAGE "$@"
	[ $i = 0 ] || set -- -i $INITRD "$@"
	[ $t = 0 ] || set -- --timeout 40 "$@"
	exec $V run "$@"
}

run_guest() {
	echo "+ trapeze run $*"
	(guest "$@") >"$console" 2>"$messages" </dev/null
	status=$?
	echo "exit status $status"
}

# start_guest ARGS...: the same in the background; sets $pid. wait_guest then sets $status.
start_guest() {
	echo "+ trapeze run $* &"
	: >"$console"
	(guest "$@") >"$console" 2>"$messages" </dev/null &
	pid=$!
}
wait_guest() {
	wait $pid
	status=$?
	echo "exit status $status"
}
wait_console() { # RE SECONDS
	local i=0
	while [ $i -lt $((${2:-30} * 10)) ]; do
		! grep -qE -e "$1" "$console" || return 0
		kill -0 $pid 2>/dev/null || fail "the guest ended before its console said: $1"
		usleep 100000
		i=$((i + 1))
	done
	fail "in ${2:-30} s the console did not say: $1"
}

expect_exit() {
	n=$((n + 1))
	[ "$status" = "$1" ] || fail "exit status $status, expected $1; $(tail -n 3 "$messages")"
}
expect_console() {
	n=$((n + 1))
	tr -d '\r' <"$console" | grep -qE -e "$1" || fail "the console does not say: $1"
}
expect_no_console() {
	n=$((n + 1))
	! tr -d '\r' <"$console" | grep -E -e "$1" || fail "the console says: $1"
}
expect_count() { # N RE
	n=$((n + 1))
	local c
	c=$(tr -d '\r' <"$console" | grep -cE -e "$2")
	[ "$c" = "$1" ] || fail "the console says $c times, expected $1: $2"
}
expect_message() {
	n=$((n + 1))
	grep -qE -e "$1" "$messages" || fail "standard error does not say: $1"
}
expect() { # COMMAND... in the lab itself
	n=$((n + 1))
	"$@" || fail "not so: $*"
}
# Nothing that a healthy boot on healthy hardware would not print.
expect_clean_boot() {
	expect_no_console 'BUG:|WARNING: CPU|Oops|Call Trace|soft lockup|unexpected IRQ|spurious|nobody cared|ACPI (BIOS )?Error|ACPI Exception|MP-BIOS bug|not responding|tsc: Marking TSC unstable|hpet.*lost'
}

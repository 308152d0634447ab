#!/bin/bash
# SPDX-License-Identifier: MIT
#
# trapeze test with small guests of ours (firmware/tests) on this host's /dev/kvm: each way to end has its
# exit status, limits are kept, several at once, what is interrupted ends with its guests. Commands in
# guests are the lab's.
#
#   tests/kvm/verdicts.sh [TRAPEZE [BUILD_DIR]]
set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
need_kvm
cd "$tmp" || exit 1

# t STATUS MESSAGE NAME GUEST ARGUMENT...
t() {
	local want=$1 message=$2 name=$3 guest=$4
	shift 4
	wanted "$name" || return
	timeout -k 2 60 "$TRAPEZE" test -k "$guests/$guest.bin" --protocol "${guest%%_*}" -m 16M \
		--boot-only "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	status=$?
	judge "$want" "$message" "$name"
}

# --- one at a time
t 0 '' pass real_poweroff
is pass-says-nothing [ ! -s "$tmp/err" ]
t 32 'reset: the guest reset' reset real_reboot
t 33 'triple-fault: .*triple fault' triple-fault flat32_triple
t 34 'panic: Kernel panic - not syncing: test' panic real_panic_line
t 34 'panic: ' pvpanic real_pvpanic
t 124 'timeout: .*within 0.5 s' timeout real_spin --timeout 500ms
is timeout-shows-registers grep -q 'rip ' "$tmp/err"
t 124 'within 1 s' timeout-scaled real_spin --timeout 100ms --timeout-scale 10
t 37 'idle: ' idle real_halt --idle-timeout 500ms
t 37 'idle: ' idle-asleep real_halt --idle-timeout 500ms --irqchip user
t 71 'host-error: .*none.bin' no-kernel real_none
t 1 "fail: .*console" console-missing real_poweroff --expect-console '^never$'
t 1 "fail: .*console" console-forbidden real_poweroff --fail-on-console 'still here'
t 0 '' console-as-wanted real_poweroff --expect-console '^still here$' --fail-on-console never
t 2 "no regular expression|expression" console-no-expression real_poweroff --expect-console '('

# --- the debug-exit port: (42 << 1) | 1 is 42
timeout -k 2 60 "$TRAPEZE" test --kvm-unit-test "$guests/real_hello.bin" --protocol real -m 16M \
	>"$tmp/out" 2>"$tmp/err" </dev/null
status=$?
judge 1 'fail: exit code 42, not 0' exit-port
timeout -k 2 60 "$TRAPEZE" test --kvm-unit-test "$guests/real_hello.bin" --protocol real -m 16M \
	--expect-exit 42 >"$tmp/out" 2>"$tmp/err" </dev/null
status=$?
judge 0 '' exit-port-as-wanted
# The environment, and the test device, that the images of kvm-unit-tests want.
timeout -k 2 60 "$TRAPEZE" test --kvm-unit-test "$guests/flat32_module.elf" -m 64M -c 2 \
	--expect-console '^NR_CPUS=2' --expect-console '^MEMSIZE=64' --expect-console '^TEST_DEVICE=1' \
	>"$tmp/out" 2>"$tmp/err" </dev/null
status=$?
judge 0 '' kvm-unit-test-environment
timeout -k 2 60 "$TRAPEZE" test --kvm-unit-test "$guests/flat32_testdev.elf" --expect-exit 42 \
	>"$tmp/out" 2>"$tmp/err" </dev/null
status=$?
judge 0 '' kvm-unit-test-device

# --- the library of endings
timeout -k 2 120 "$TRAPEZE" test --self-test -j 2 --timeout-scale 3 --report tap >"$tmp/out" 2>"$tmp/err" </dev/null
status=$?
judge 0 '0 not as wanted' self-test
is self-test-is-complete [ "$(grep -c '^ok ' "$tmp/out")" = "$(sed -n 's/^1\.\.//p' "$tmp/out")" ]

# --- what is there afterwards
t 33 'artefacts: kept/flat32_triple' artefacts flat32_triple --dir kept
is artefacts-console grep -q falling kept/flat32_triple.bin/console.log
is artefacts-config grep -q flat32_triple kept/flat32_triple.bin/config.json
t 0 '' artefacts-of-failures-only real_poweroff --dir kept2
is artefacts-none [ -z "$(ls kept2)" ]
t 71 'No space left' report-full real_poweroff --report tap:/dev/full
t 34 'rerun: ' rerun real_panic_line --expect-console 'a b'
rerun=$(sed -n 's/^  rerun: //p' "$tmp/err")
bash -c "$rerun" >"$tmp/out" 2>"$tmp/err" </dev/null
status=$?
judge 34 'panic: ' rerun-is-the-same

# --- several
t 0 '8 tests, 8 pass' jobs real_poweroff --repeat 8 -j 3 --report tap
is jobs-report [ "$(grep -c '^ok ' "$tmp/out")" = 8 ]
t 1 '3 tests, 3 panic' jobs-bad real_panic_line --repeat 3 -j 2
t 1 '1 panic, 3 cancelled' stop-at-failure real_panic_line --repeat 4 --stop-at-failure
t 34 'attempt 3 of 3 follows' retries real_panic_line --retries 2
t 34 '' until-fail real_panic_line --until-fail
t 0 '' part real_poweroff --repeat 9 --shard 3/4 --list
is part-list [ "$(cat "$tmp/out")" = "real_poweroff.bin #3
real_poweroff.bin #7" ]

# --- ends from outside: $pid is the runner, $guests_pids its guests
start() {
	"$TRAPEZE" test -k "$guests/real_halt.bin" --protocol real -m 16M --boot-only "$@" \
		>"$tmp/out" 2>"$tmp/err" </dev/null &
	pid=$!
	children+=("$pid")
}
guest_pids() { pgrep -P "$pid" | tr '\n' ' '; }
are_guests() { [ "$(guest_pids | wc -w)" = "$1" ]; }
are_gone() {
	local p
	for p in $1; do [ ! -e "/proc/$p" ] || [ "$(ps -o stat= -p "$p" | cut -c1)" = Z ] || return 1; done
}
for sig in INT TERM HUP; do
	start --repeat 5 -j 2 --report tap
	wait_for 20 are_guests 2
	pids=$(guest_pids)
	kill -$sig "$pid"
	wait "$pid"
	status=$?
	judge 130 'ending the guests' "signal-$sig"
	is "signal-$sig-guests-gone" are_gone "$pids"
	is "signal-$sig-report" [ "$(grep -c '^not ok ' "$tmp/out")" = 5 ]
done
start --repeat 2 -j 2
wait_for 20 are_guests 2
pids=$(guest_pids)
kill -KILL "$pid"
wait "$pid" 2>/dev/null
is runner-killed wait_for 10 are_gone "$pids"
start
wait_for 20 are_guests 1
# shellcheck disable=SC2046
kill -KILL $(guest_pids)
wait "$pid"
status=$?
judge 71 'host-error: ' guest-killed
start
wait_for 20 are_guests 1
# shellcheck disable=SC2046
kill -SEGV $(guest_pids)
wait "$pid"
status=$?
sanitized || judge 70 'vmm-error: .*SIGSEGV' guest-crashed

finish

#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Tracing as it is asked for and shown: lines, filters, summaries, recordings, the key, and what goes wrong.
# What the records say is tests/kvm/test_trace.c's.
#
#   tests/kvm/trace.sh [TRAPEZE [BUILD_DIR]]
set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
need_kvm
cd "$tmp" || exit 1

real() { # GUEST OPTION...
	local guest=$1
	shift
	run -k "$guests/real_$guest.bin" --protocol real -m 16M --timeout 20 -q --debugcon null --serial null "$@"
}
flat32() {
	local guest=$1
	shift
	run -k "$guests/flat32_$guest.bin" --protocol flat32 -m 16M --timeout 20 -q --debugcon null --serial null "$@"
}
# says NAME RE...: each matches a line of standard error, in this order.
says() {
	local name=$1 from=1 re at
	shift
	for re; do
		at=$(tail -n +$from err | grep -nEm1 -- "$re" | cut -d: -f1)
		if [ -z "$at" ]; then
			not_ok "$name" "no line matches '$re', or not in this order"
			return
		fi
		from=$((from + at))
	done
	ok "$name"
}
exits() { grep -c '^#' err; }

# --- lines
real hello --trace
judge $PASS '' line-status
is line-each-exit [ "$(exits)" = "$((21 + 2 * 32 + 1 + 1))" ]
is line-numbers [ "$(grep -o '^#[0-9]*' err | tr -d '#' | sed 's/^0*//' | paste -sd ' ')" = "$(seq -s ' ' 1 "$(exits)")" ]
says line-facts \
	"^#0*1 +\+[0-9.]+ms vcpu0 +IO OUT +0xe9 \(.*\) <- 0x68 'h' rip=7c6[df] out 0xe9, al .*handler .*away " \
	"^#0*2 .*<- 0x65 'e'" \
	"IO IN +0x3fd \(COM1 LSR\) -> 0x60 .*rip=7c7[0-9a-f] in al, dx" \
	"IO OUT +0x3f8 \(COM1 THR\) <- 0x68 'h' .*out dx, al" \
	"IO OUT +0xf4 \(.*\) <- 0x2a"
real pio --trace
says line-nobody '0x1f00 \(nobody' '0x3ff \(COM1 SCR'

# --- filters
real hello --trace=addr=0x3f8
is filter-address [ "$(exits)" = 32 ]
real hello --trace=dev=serial0
is filter-device [ "$(exits)" = 65 ]
real hello '--trace=kind=out,dev=serial0'
is filter-both [ "$(exits)" = 32 ]
refused 2 "--trace: " filter-grammar -k "$guests/real_hello.bin" --protocol real --trace=kind=nonsense
refused 1 "--trace: .*no device 'nobody'" filter-names-nothing -k "$guests/real_hello.bin" --protocol real -m 16M -q \
	--trace=dev=nobody

# --- every interrupt by hand
flat32 pit --irqchip user --trace
judge $PASS '' interrupts-status
says interrupts-by-hand 'timer' 'irq 0 raised' 'pic0: .*requested' 'vector 0x20 injected' '0x20 \(PIC1 OCW2.* (vector 0x20|irq).* ended'

# --- a summary
real hello --trace=summary
judge $PASS '' summary-status
says summary-table '^ *exits +share' '^ +33 .*IO IN +COM1 LSR' '^ +87 .*all exits' '^time +wall' '^vCPU 0'
real hello --trace=summary,addr=0xe9
says summary-filter '^ +21 .*all exits'

# --- a recording, and what cannot be written
real hello --trace-out t
judge $PASS '' record-status
is record-silent [ ! -s err ]
real hello --trace=addr=0xe9 --trace-out t2
is record-filter [ "$(wc -c <t2)" -lt "$(wc -c <t)" ]
refused 1 "cannot write the trace to '/nonexistent/t': No such file" record-no-place \
	-k "$guests/real_hello.bin" --protocol real -m 16M -q --trace-out /nonexistent/t
refused 2 "--trace-out - is standard output, which is" record-stdout-taken -k "$guests/real_hello.bin" \
	--protocol real --trace-out -
run -k "$guests/real_hello.bin" --protocol real -m 16M -q --debugcon null --serial null --trace-out -
judge $PASS '' record-stdout
is record-stdout-same [ "$(head -c 8 out | od -An -tx1)" = "$(head -c 8 t | od -An -tx1)" ]
refused 1 "cannot write the trace to '/dev/full': No space left on device" record-disk-full -k "$guests/real_hello.bin" \
	--protocol real -m 16M -q --trace-out /dev/full
# One that fills up under way is good up to there, and nothing else comes of it.
(
	ulimit -f 64
	timeout -k 2 60 "$TRAPEZE" run -k "$guests/real_flood.bin" --protocol real -m 16M --timeout 20 -q \
		--debugcon null --serial null --trace-out t3 >out 2>err </dev/null
)
status=$?
judge $PASS "^trapeze: trace: cannot write .*: File too large" record-file-limit
is record-file-limit-once [ "$(wc -l <err)" = 1 ]
real string_io --trace --log-file log
is line-log-file [ "$(grep -c '^#' log)" -gt 5 ]
is line-log-file-alone [ ! -s err ]

# --- nobody reads: the guest lives, and it is said
mkfifo stuck
exec 7<>stuck # a reader that does not read
timeout -k 2 60 "$TRAPEZE" run -k "$guests/real_flood.bin" --protocol real -m 16M --timeout 20 -q --debugcon null \
	--serial null --trace >out 2>stuck </dev/null
is stuck-reader [ $? = $PASS ]
exec 7<&-

# --- Ctrl-A t
mkfifo keys
timeout -k 2 60 "$TRAPEZE" run -k "$guests/real_keys.bin" --protocol real -m 16M --timeout 30 -q --debugcon null \
	--serial stdio <keys >out 2>err &
children+=($!)
exec 8>keys
printf '\001t' >&8
is key-begins wait_for 20 grep -q 'counting exits from now on' err
printf '\001t' >&8
is key-shows wait_for 20 grep -q 'all exits' err
printf '\001t' >&8
shown() { [ "$(grep -c 'all exits' err)" = "$1" ]; }
is key-shows-again wait_for 20 shown 2
printf '\001x' >&8
wait "${children[0]}"
status=$?
judge 0 '' key-status
exec 8>&-
children=()

# --- a test's guest, and the guests of several
timeout -k 2 60 "$TRAPEZE" test --kvm-unit-test "$guests/flat32_pit.elf" --expect-exit 42 --trace-out t5 >out 2>err \
	</dev/null
status=$?
judge 0 '' test-status
is test-recording "$TRAPEZE" trace summary t5 >out 2>err
timeout -k 2 60 "$TRAPEZE" test --kvm-unit-test "$guests/flat32_pit.elf" --expect-exit 42 --repeat 2 -j 2 \
	--trace-out t6 >out 2>err </dev/null
status=$?
judge 0 '' tests-status
is tests-recordings [ -s t6.0 -a -s t6.1 -a ! -e t6 ]

# --- every guest there is ends the same way when it is traced, but for those that do not end by themselves or take
# long: what they wait for is not what a trace could change
for g in "$guests"/real_*.bin "$guests"/flat32_*.bin "$guests"/flat64_*.bin; do
	name=$(basename "$g" .bin)
	case $name in *halt* | *spin* | *keys* | *storm* | *flood* | *exit_value* | *rep_huge* | *x2apic* | *smp_halt*) continue ;; esac
	wanted "guests-$name" || continue
	case $name in *_smp) cpus=4 ;; *) cpus=1 ;; esac
	common=(-k "$g" -c $cpus --protocol "${name%%_*}" -m 16M --timeout 20 -q --no-reboot --debugcon null --serial null)
	run "${common[@]}"
	was=$status
	run "${common[@]}" --trace-out t4
	judge "$was" '' "guests-$name"
done
finish

#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The course: every lab does what its text says, and its trace is, but for times, the one that is kept in
# tests/kvm/labs. What `trapeze lab` says of mistakes.
#
#   tests/kvm/labs.sh [TRAPEZE [BUILD_DIR]]
#   UPDATE=1 tests/kvm/labs.sh                 writes the traces anew: look at the difference
set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
need_kvm
golden=$top/tests/kvm/labs
TMPDIR=$tmp
export TMPDIR

lab() { timeout -k 2 120 "$TRAPEZE" lab "$@" >"$tmp/out" 2>"$tmp/err" </dev/null; }

for text in "$top"/docs/labs/[0-9]*.md; do
	name=$(basename "$text" .md)
	number=$((10#${name%%-*}))
	trace=$golden/$name.trace
	wanted "$name" || continue
	if [ -n "${UPDATE:-}" ]; then
		lab $number --plain && cp "$tmp/out" "$trace"
		continue
	fi
	lab $number
	is "$name" [ $? = 0 ]
	lab $number --plain
	if diff -u "$trace" "$tmp/out" >"$tmp/diff" 2>&1; then
		ok "$name-trace"
	else
		cp "$tmp/diff" "$tmp/out"
		not_ok "$name-trace" "another trace than tests/kvm/labs/$name.trace"
	fi
done
[ -z "${UPDATE:-}" ] || exit 0

# says NAME STATUS PATTERN ARGUMENT...
says() {
	local name=$1 want=$2 pattern=$3 got why=
	shift 3
	wanted "$name" || return
	lab "$@"
	got=$?
	if [ $got != "$want" ]; then
		why="exit status $got, not $want"
	elif ! grep -Eq "$pattern" "$tmp/out" "$tmp/err"; then
		why="nothing matches '$pattern'"
	fi
	if [ -z "$why" ]; then ok "$name"; else not_ok "$name" "$why"; fi
}

says list 0 '^11  Break it'
says text 0 '^# Lab 2: ' 2 --text
says source 0 'Lab 2: two ways' 2 --source
says source-and-device 0 'LAB_DEVICE\("adder"' 3 --source
says no-such-lab 2 "'12' is none of the labs 1 to 11" 12
says no-number 2 "'hlt' is none of the labs" hlt
says no-device-here 2 "lab 2 has no device to write" 2 device.c
says one-word-too-many 2 "'b' is one word too many" 3 a b
says device-not-there 1 "cannot open the device '.*none.c': No such file" 3 "$tmp/none.c"

echo 'int main(void) { return x; }' >"$tmp/wrong.c"
says device-does-not-compile 1 'the device does not compile' 3 "$tmp/wrong.c"
sed 's/sum & 0xff/7/' "$top/firmware/labs/adder.c" >"$tmp/seven.c"
sed -n '/^```c$/,/^```$/p' "$top/docs/labs/03-device.md" | sed '/^```/d' >"$tmp/text.c"
says device-of-the-text 0 'all .* claims hold' 3 "$tmp/text.c"
is device-of-the-text-without-a-warning [ ! -s "$tmp/err" ]
says device-that-is-wrong 1 '^NOT SO  the guest.s console' 3 "$tmp/seven.c"
sed 's/sum & 0xff/*(volatile uint8_t *)0/' "$top/firmware/labs/adder.c" >"$tmp/crash.c"
says device-that-crashes 1 "the program of 'adder' has ended by signal" 3 "$tmp/crash.c"
if wanted no-compiler; then
	mkdir -p "$tmp/empty"
	PATH=$tmp/empty /usr/bin/timeout 20 "$TRAPEZE" lab 3 >"$tmp/out" 2>"$tmp/err"
	is no-compiler grep -q "cannot run 'cc': No such file" "$tmp/err"
fi
if wanted files; then
	lab 3 --files "$tmp/lab3"
	is files cmp -s "$tmp/lab3/adder.c" "$top/firmware/labs/adder.c"
	is files-all [ "$(cd "$tmp/lab3" && echo *)" = "03-device.S 03-device.bin 03-device.map 03-device.md adder.c lab_device.h" ]
	says files-as-device 0 'all .* claims hold' 3 "$tmp/lab3/adder.c"
fi
# Who is ended in the middle of it (lab 1's guests sleep for a second) leaves nothing behind.
for signal in INT TERM HUP; do
	wanted "signal-$signal" || continue
	setsid "$TRAPEZE" lab 1 >"$tmp/out" 2>"$tmp/err" </dev/null &
	pid=$!
	for _ in $(seq 400); do
		[ -z "$(find "$tmp" -path '*trapeze-lab.*/log')" ] || break
		sleep 0.05
	done
	kill "-$signal" $pid
	wait $pid
	is "signal-$signal" [ $? != 0 ]
	is "signal-$signal-leaves-nothing" [ -z "$(find "$tmp" -name 'trapeze-lab.*')" ]
done
is nothing-left [ -z "$(find "$tmp" -maxdepth 1 -name 'trapeze-lab.*')" ]
finish

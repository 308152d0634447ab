#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What guests did, decoded line by line, next to what was written down for good: tests/kvm/golden. Left out
# is what depends on the host: times, RIP (KVMs leave it at the instruction or behind it) and the numbers of
# exits (of windows for interrupts there are more or less). GOLDEN=write writes down what is now.
#
#   tests/kvm/trace-golden.sh [TRAPEZE [BUILD_DIR]]
set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
need_kvm
cd "$tmp" || exit 1

plain() {
	sed -E 's/^#[0-9]+ +[+-][0-9.]+ms //; s/ rip=[0-9a-f]+//; s/ \| (handler [0-9.]+[mu]?s, )?away [0-9.]+[mu]?s$//'
}

golden() { # GUEST OPTION...: the story of flat32_GUEST
	local guest=$1 file=$top/tests/kvm/golden/$1
	shift
	wanted "golden-$guest" || return 0
	run -k "$guests/flat32_$guest.bin" --protocol flat32 -m 16M --timeout 20 -q --debugcon null --serial null \
		--trace-out "$guest.trace" "$@"
	judge $PASS '' "golden-$guest-status"
	"$TRAPEZE" trace show "$guest.trace" 'io|mmio' 2>err | plain >out
	if grep -qE ' \[[ 0-9a-f]+\|[ 0-9a-f]+\]' out; then
		skip "golden-$guest" "no disassembler"
		return
	fi
	[ "${GOLDEN:-}" != write ] || cp out "$file"
	if diff "$file" out >differences; then
		ok "golden-$guest"
	else
		not_ok "golden-$guest" "the lines of $file, and what they are now:"
		show differences
	fi
}

golden uart
golden pci --pci on

# A file that was cut loads up to there, wherever that is.
head -c $(($(stat -c %s uart.trace) / 2)) uart.trace >half
"$TRAPEZE" trace show half >out 2>err
is cut [ $? = 0 ]
is cut-said grep -q "'half' is not complete" err

# Names of code, from the guest itself.
"$TRAPEZE" trace show uart.trace --symbols "$guests/flat32_uart.elf" 'rip=on_irq4' >out 2>err
is symbols [ "$(grep -c '(on_irq4+0x' out)" -ge 4 ]
finish

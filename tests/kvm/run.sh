#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Runs our small guests (firmware/tests) on this host's /dev/kvm and compares how they ended.
#
#   tests/kvm/run.sh [TRAPEZE [BUILD_DIR]]        default: $TRAPEZE, $B, build/trapeze, build
#   ONLY=uart tests/kvm/run.sh                    those whose name contains "uart"
#
# Output is TAP. A test is one line of the table below:
#
#   t NAME GUEST STATUS CONSOLE [OPTION...]
#
# STATUS is trapeze's exit status, CONSOLE an extended regular expression that the guest's whole
# output must match. STDIN and MESSAGE (a regular expression for standard error) may be set for one
# test in front of the call. The guest's name says how it is entered.
set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
need_kvm
[ -d "$guests" ] || { echo "Bail out! no guests in '$guests': run make firmware"; exit 1; }

t() {
	local name=$1 guest=$2 want=$3 console=$4 protocol=() got why=
	shift 4
	local stdin=${STDIN-} message=${MESSAGE-}
	unset STDIN MESSAGE
	wanted "$name" || return
	case $guest in
	real_*) protocol=(--protocol real) ;;
	flat32_*) protocol=(--protocol flat32) ;;
	flat64_*) protocol=(--protocol flat64) ;;
	esac
	case " $* " in *" --protocol "*) protocol=() ;; esac
	# The outer timeout is for a program that does not keep its own. STDIN holds escapes.
	# shellcheck disable=SC2059
	printf "$stdin" | timeout -k 2 40 "$TRAPEZE" run -k "$guests/$guest.bin" -m 16M \
		--timeout 20 "${protocol[@]}" "$@" >"$tmp/out" 2>"$tmp/err"
	got=${PIPESTATUS[1]}
	local out
	out=$(tr -d '\0\r' <"$tmp/out"; echo .)
	out=${out%.}
	if [ "$got" != "$want" ]; then
		why="exit status $got, not $want"
	elif ! [[ $out =~ ^($console)$ ]]; then
		why="the console does not match '$console'"
	elif [ -n "$message" ] && ! grep -Eq "$message" "$tmp/err"; then
		why="no message matches '$message'"
	fi
	if [ -z "$why" ]; then
		ok "$name"
	else
		not_ok "$name" "$guest $*: $why"
	fi
}

nl=$'\n'
any='.*'

# --- consoles
t console-debugcon real_hello $PASS "hello from port 0xe9${nl}" --serial null
t console-com1 real_hello $PASS "hello from COM1${nl}no newline here" --debugcon null
t console-keeps-order real_hello $PASS \
	"hello from port 0xe9${nl}hello from COM1${nl}no newline here"
t console-closed real_hello $PASS "" --debugcon null --serial null
STDIN='\005' t console-in real_exit_value 11 ""
STDIN='\177' t console-in-high real_exit_value 255 ""

# --- the ways to end
t timeout-asleep real_halt 124 "asleep${nl}" --timeout 1
t timeout-busy real_spin 124 "busy${nl}" --timeout 1
t timeout-asleep-user-irqchip real_halt 124 "asleep${nl}" --timeout 1 --irqchip user
t power-off real_poweroff 0 "off${nl}still here${nl}"
t reset-cf9 real_reset_cf9 32 "reset by 0xcf9${nl}" --no-reboot
t reset-8042 real_reset_8042 32 "reset by 8042${nl}" --no-reboot
t reset-port-92 real_reset_92 32 "reset by port 0x92${nl}" --no-reboot
MESSAGE='[Tt]riple fault' t triple-fault flat32_triple 33 "falling${nl}"
t triple-fault-no-reboot flat32_triple 33 "falling${nl}" --no-reboot
t internal-error flat32_fetch_hole 33 "jumping${nl}"
t pvpanic real_pvpanic 34 "panicking${nl}"
t panic-line real_panic_line 34 "booting${nl}Kernel panic - not syncing: test${nl}$any"
t panic-line-unwatched real_panic_line 124 "booting${nl}Kernel panic$any" --no-panic-watch --timeout 1
STDIN='\000' t debug-exit-zero real_exit_value 1 ""
STDIN='!' t debug-exit-value real_exit_value 67 ""
STDIN='!' t debug-exit-elsewhere real_hello 124 "hello$any" --debug-exit 0x501 --timeout 1
for mode in split kernel user; do
	t "testdev-$mode" flat32_testdev $PASS "test device${nl}" --testdev --irqchip $mode
done

# --- resets that restart
for mode in split kernel user; do
	t "reboot-$mode" real_reboot 0 "boot 1${nl}boot 2${nl}boot 3${nl}boot 4${nl}" --irqchip $mode
done
t reboot-refused real_reboot 32 "boot 1${nl}" --no-reboot
t reboot-smp real_reboot 0 "boot 1${nl}boot 2${nl}boot 3${nl}boot 4${nl}" -c 4

for mode in split kernel; do
	t "77-reset-mid-instruction-$mode" flat32_reset_mid_io $PASS "reset in the middle${nl}" -c 2 --irqchip $mode
done

# --- halted for good; the numbers, here and below, are those of docs/threat-model.md
for mode in split kernel; do
	t "78-all-halted-$mode" flat32_smp_halt 124 "all asleep${nl}" -c 4 --timeout 0.5 --irqchip $mode
done

# --- buses
for mode in split kernel user; do
	t "62-63-67-every-port-$mode" real_ports $PASS ".*still here${nl}" --irqchip $mode
done
for mode in split kernel user; do
	t "66-pci-configuration-$mode" flat32_pci $PASS "PCI${nl}" --irqchip $mode --pci on
done
t 62-63-every-port-pci real_ports $PASS ".*still here${nl}" --pci on
t reset-cf9-pci real_reset_cf9 32 "reset by 0xcf9${nl}" --no-reboot --pci on
t mmio-hole-pci flat32_hole $PASS "" --pci on
t reboot-pci-kernel real_reboot 0 "boot 1${nl}boot 2${nl}boot 3${nl}boot 4${nl}" --irqchip kernel --pci on
for string in 0 1 2 3 4; do
	STDIN=$string t "62-four-billion-$string" flat32_rep_huge 124 "" --timeout 0.3
done
t pio-unowned-and-straddling real_pio $PASS ""
t pio-strings real_string_io $PASS "strings of bytes${nl}"
t mmio-hole flat32_hole $PASS ""

for mode in split kernel; do
	STDIN='input for the UART' t "98-four-cpus-storm-$mode" flat32_smp_storm $PASS "${any}calm${nl}$any" -c 4 --irqchip $mode
done

# --- pages written, in more rounds than are kept
MESSAGE='^  dirty    POST 0x02: 1 page: 0xb000$' t 144-dirty-rounds real_post $PASS "" --dirty-log
MESSAGE='^  dirty    and 136 rounds more$' t 144-dirty-rounds-bounded real_post $PASS "" --dirty-log

# --- registers that KVM does not know
if [ "$(cat /sys/module/kvm/parameters/ignore_msrs 2>/dev/null)" = Y ]; then
	for name in 80-msr-known 80-msr-fault 80-msr-ignore interrupt-and-fault; do
		skip $name "this host's KVM ignores unknown MSRs itself (ignore_msrs)"
	done
else
	MESSAGE='reads MSR 0x12345678, which KVM does not know: general protection fault' \
		t 80-msr-known real_msr $PASS "6${nl}w${nl}#GP${nl}#GP${nl}" -v
	t 80-msr-fault real_msr $PASS "#GP${nl}#GP${nl}#GP${nl}#GP${nl}" --msr fault
	# Not with --irqchip kernel: chips, injection and fault are all KVM's then, and one that interprets
	# guests loses such an interrupt itself. With hardware it is lab/irqchip-fault.
	for mode in split user; do
		t "interrupt-and-fault-$mode" real_fault_irq $PASS "all ticks${nl}" --irqchip $mode --msr fault
	done
	t 80-msr-ignore real_msr $PASS "0${nl}w${nl}0${nl}w${nl}" --msr ignore
fi

# --- interrupts
for mode in split kernel user; do
	t "pit-$mode" flat32_pit $PASS "ten ticks${nl}" --irqchip $mode
	t "uart-$mode" flat32_uart $PASS "serial${nl}" --irqchip $mode
	t "rtc-$mode" flat32_rtc $PASS "rtc${nl}" --irqchip $mode
done
for mode in split kernel; do
	t "ioapic-$mode" flat32_ioapic $PASS "ioapic${nl}" --irqchip $mode
	t "smp-$mode" flat32_smp $PASS "four CPUs${nl}" --irqchip $mode -c 4
done

# --- APIC ids above 254
if [ "$(ulimit -n)" -gt 600 ]; then
	t x2apic-288-cpus flat32_x2apic $PASS "CPU 257${nl}" -c 288
else
	skip x2apic-288-cpus "too few open files allowed ($(ulimit -n))"
fi
t x2apic-sparse-ids flat32_x2apic $PASS "CPU 257${nl}" --sockets 5 --cores 5 --threads 5

# --- protocols
t long-mode flat64_hello $PASS "hello from long mode${nl}"
t long-mode-elsewhere flat64_hello $PASS "hello from long mode${nl}" --load-address 0x400000
t ring-3 flat64_ring3 $PASS "computed in ring 3${nl}"
t multiboot-by-header flat32_pit $PASS "ten ticks${nl}" --protocol auto
t multiboot flat32_hole $PASS "" --protocol multiboot

finish

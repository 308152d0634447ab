#!/bin/bash
# SPDX-License-Identifier: MIT
#
# trapeze trace show, on a recording that was made up (tests/lib/trace_kit.c); no KVM is needed.
#
#   tests/cli/trace-show.sh [TRAPEZE [BUILD_DIR]]
set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$tmp" || exit 1
cp "$seeds/trace/kit" kit

# show STATUS NAME ARGUMENT...: runs, and expects the exit status.
trace() {
	local want=$1 name=$2 rc
	shift 2
	timeout -k 2 60 "$TRAPEZE" trace "$@" >out 2>err </dev/null
	rc=$?
	if [ $rc = "$want" ]; then ok "$name"; else not_ok "$name" "exit status $rc, not $want: trace $*"; fi
}
says() { # NAME REGEX [FILE]
	if grep -qE -- "$2" "${3:-out}"; then ok "$1"; else not_ok "$1" "does not say '$2'"; fi
}
lines() { is "$1" [ "$(wc -l <out)" = "$2" ]; } # NAME COUNT

# --- lines
cat >golden <<'END'
#000000      +0.900ms vcpu1  IO IN      0x40 (PIT channel 0) -> 0x12 rip=100010 (start+0x10) | handler 0.4us, away 1.0us
#000000      +1.000ms vcpu0  IO OUT     0x3f8 (COM1 THR) <- 0x4c 'L' rip=100010 (start+0x10) out dx, al | LSR.THRE 1 -> 0, LSR.TEMT 1 -> 0, irq 4 raised | handler 0.4us, away 1.0us
             +1.000ms disk0  disk0-pci: queue 0 notified
             +1.500ms vcpu0  pic0: vector 0x30 injected into vcpu0
#000000      +1.900ms vcpu1  IO OUT     0x21 (PIC1 IMR) <- 0xff IR0|IR1|IR2|IR3|IR4|IR5|IR6|IR7 rip=100010 (start+0x10) out dx, al | handler 0.4us, away 1.0us
#000000      +2.000ms vcpu0  IO OUT     0x87 (nobody: DMA page registers) <- 0x00 rip=100010 (start+0x10) out dx, al | handler 0.4us, away 1.0us
END
trace 0 show show kit
is golden diff golden out
says losses "^trapeze: 'kit': 3 records were lost" err
"$TRAPEZE" trace show - <kit >out 2>err
is standard-input diff golden out

# --- parts of it
trace 0 filter show kit 'kind=out,!nobody'
lines filter-lines 2
trace 0 lines show kit -n 2
lines two-lines 2
trace 0 times show kit --from 1ms --to 1.9ms
lines times-lines 3
trace 0 symbol show kit 'rip=start,vcpu=0'
lines symbol-lines 2
trace 0 nothing show kit hlt
lines nothing-lines 0
says nothing-said "nothing in it fits" err

# --- symbols of another kernel, and of none
printf 'ffffffff81000000 T _text\nffffffff81000080 T entry_SYSCALL_64\nffffffff81002000 T _end\n' >map
trace 0 map show kit --symbols map
printf 'ffffffff81000000 T _text\nffffffff81000010 T entry_SYSCALL_64\n' >other
trace 1 other-map show kit --symbols other
says other-map-said "'other': the symbols are not those of the guest's kernel" err
trace 1 no-symbols show kit --symbols kit
trace 1 no-such-file show kit --symbols nowhere

# --- what makes no sense
trace 1 not-a-trace show "$TRAPEZE"
says not-a-trace-said "is not a trace" err
trace 1 no-file show nowhere
says no-file-said "cannot read 'nowhere': No such file" err
trace 1 empty show /dev/null
{ head -c 8 kit; printf '\007\0\0\0'; } >seven
printf '\0\0\0\0' >>seven
trace 1 damaged-header show seven
says damaged-header-said "header is damaged" err
for cut in 100 1500 1900; do
	head -c $cut kit >short
	trace 0 "cut-at-$cut" show short
	says "cut-at-$cut-said" "'short' is not complete: at byte [0-9]+: it ends in the middle of a chunk" err
done
trace 1 bad-kind show kit kind=mimo
says bad-kind-said "there is no kind 'mimo'; did you mean 'mmio'" err
trace 1 bad-device show kit dev=serial7
says bad-device-said "there are: serial0, serial1, pit0" err
trace 1 bad-symbol show kit rip=nowhere
says bad-symbol-said "no function is called 'nowhere'" err
trace 2 bad-subverb shwo kit
says bad-subverb-said "did you mean 'show'" err
trace 2 no-words show
trace 2 too-many-words show kit a b
trace 2 bad-times show kit --from 3s --to 1s
trace 2 bad-option show kit --frm 3s

# --- readers that go
"$TRAPEZE" trace show kit 2>err | head -n 1 >out
is head [ "$(wc -l <out)" = 1 ]
is head-quiet [ "$(grep -vc lost err)" = 0 ]
"$TRAPEZE" trace show kit >/dev/full 2>err
says full "cannot write to standard output: No space" err
finish

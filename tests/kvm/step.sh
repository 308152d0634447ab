#!/bin/bash
# SPDX-License-Identifier: MIT
#
# `trapeze step` on our small guests, on this host's /dev/kvm.
#
#   tests/kvm/step.sh [TRAPEZE [BUILD_DIR]]        default: $TRAPEZE, $B, build/trapeze, build
#   ONLY=hello tests/kvm/step.sh                   those whose name contains "hello"
#   KEEP=1 tests/kvm/step.sh                       write transcripts anew, for the reader to judge
#
# A session is a transcript, tests/kvm/step/NAME: behind a line that says which guest, which exit
# status and which options it takes ("# real_hello 85 --irqchip user"), all that the prompt says. Its
# lines "(step) COMMAND" are what is typed, and what comes out must be the same again, but for times,
# numbers of exits, RIP (KVMs differ in where it is during a read) and the maker of the CPU.
set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
need_kvm
[ -d "$guests" ] || { echo "Bail out! no guests in '$guests': run make firmware"; exit 1; }
export XDG_CACHE_HOME=$tmp/cache

protocol() { # GUEST
	case $1 in
	real_*) echo real ;;
	flat32_*) echo flat32 ;;
	flat64_*) echo flat64 ;;
	esac
}

step() { # GUEST OPTION...: standard input is the prompt's; $status, $tmp/out, $tmp/err
	local guest=$1
	shift
	timeout -k 2 60 "$TRAPEZE" step -k "$guests/$guest.bin" --protocol "$(protocol "$guest")" -m 16M \
		--timeout 50 "$@" >"$tmp/out" 2>"$tmp/err"
	status=$?
}

norm() {
	sed -E -e 's/^#[0-9]+ +\+[0-9.]+ms /# /' -e 's/ rip=[0-9a-f]+//' \
		-e 's/ \| (handler [0-9.]+[mu]?s, )?away [0-9.]+[mu]?s$//' -e 's/  <- this host.s$//' \
		-e 's/^  exit [0-9]+, /  exit, /'
}

session() { # NAME
	local name=$1 file=$top/tests/kvm/step/$1 guest want options
	wanted "$name" || return
	read -r _ guest want options <"$file"
	sed -n 's/^(step) //p' "$file" >"$tmp/script"
	# shellcheck disable=SC2086 # words
	step "$guest" --commands "$tmp/script" $options </dev/null
	{ head -1 "$file"; norm <"$tmp/out"; } >"$tmp/got"
	[ -z "${KEEP-}" ] || cp "$tmp/got" "$file"
	if [ "$status" != "$want" ]; then
		not_ok "session-$name" "exit status $status, not $want"
	elif ! diff -u "$file" "$tmp/got" >"$tmp/out"; then
		not_ok "session-$name" "it goes another way"
	else
		ok "session-$name"
	fi
}

for f in "$top"/tests/kvm/step/*; do
	session "$(basename "$f")"
done

has() { grep -Eq -- "$1" "$tmp/out"; } # REGEX
says() { # NAME STATUS REGEX...: of the last run
	local name=$1 want=$2 re
	shift 2
	[ "$status" = "$want" ] || { not_ok "$name" "exit status $status, not $want"; return; }
	for re; do
		has "$re" || { not_ok "$name" "nothing matches '$re'"; return; }
	done
	ok "$name"
}

# --- interrupts by hand: when they come is not ours to say
if wanted irqs-by-hand; then
	step flat32_pit --irqchip user -x 'break kind=hlt' -x continue -x why -x delete -x 'break port 0x20' \
		-x continue -x irq -x quit </dev/null
	says irqs-by-hand 0 'HLT +rip=' 'no local APIC in KVM' 'IO OUT +0x20 .*<- 0x20' '^8259 master .*vectors 20 to 27' \
		'no IOAPIC \(--irqchip user\)'
fi
if wanted lapic-of-kvm; then
	step flat32_ioapic -x 'break kind=eoi' -x continue -x irq -x why -x quit </dev/null
	says lapic-of-kvm 0 '^local APIC of CPU 0, enabled' '^IOAPIC id' 'IOAPIC is in this program'
fi
if wanted kernel-irqchip; then
	step real_hello --irqchip kernel -x irq -x 'x 2' -x why -x quit </dev/null
	says kernel-irqchip 0 '^8259 master  IRR 00' '24 pins are masked' 'answers ports 0x20'
fi

# --- what is typed
if wanted keys-reach-com1; then
	step real_keys -x 'key q' -x continue </dev/null
	says keys-reach-com1 $PASS '^0xe9\| boot'
fi
if wanted keys-with-no-room; then
	step real_keys -x "key $(printf 'x%.0s' {1..40})" -x quit </dev/null
	says keys-with-no-room 2 'room for [0-9]+ of 40'
fi

# --- bad input
if wanted no-line-at-all; then
	step real_hello </dev/null
	says no-line-at-all 0 '^The guest stands'
fi
if wanted line-without-end; then
	step real_hello < <(printf 'print 1+1')
	says line-without-end 0 '^0x2 = 2$'
fi
if wanted rubbish; then
	head -c 200000 /dev/urandom >"$tmp/in"
	step real_hello -x 'print 3' <"$tmp/in"
	if [ "$status" -ge 124 ]; then
		not_ok rubbish "status $status"
	elif grep -qaP '[\x00-\x08\x0b-\x1f\x7f]' "$tmp/out"; then
		not_ok rubbish "control bytes come back"
	else
		ok rubbish
	fi
fi
if wanted one-endless-line; then
	step real_hello < <(head -c 3000000 /dev/zero | tr '\0' 'a')
	says one-endless-line 2 "there is no command 'aaaa"
fi
if wanted script-with-a-mistake; then
	step real_hello -x 'stpe' -x 'print 2+2' -x 'mem 0x99999999' </dev/null
	says script-with-a-mistake 2 "did you mean 'step'" '^0x4 = 4' 'no memory is at linear address 0x99999999'
fi
if wanted no-such-file; then
	step real_hello --commands "$tmp/nothing" </dev/null
	is no-such-file test "$status" = 1 -a ! -s "$tmp/out" -a "$(grep -c 'cannot read commands from' "$tmp/err")" = 1
fi
if wanted symbols-that-are-none; then
	step real_hello --symbols /etc/passwd </dev/null
	is symbols-that-are-none test "$status" = 1 -a "$(grep -c -- "--symbols '/etc/passwd'" "$tmp/err")" = 1
fi
if wanted stdout-gone; then
	(step real_hello -x 'x 5' -x regs -x c </dev/null) >/dev/null
	timeout 30 "$TRAPEZE" step -k "$guests/real_hello.bin" --protocol real -m 16M -x c </dev/null 2>"$tmp/err" >/dev/full
	is stdout-gone test $? -lt 128
fi

# --- signals: sent to the program itself, as timeout(1) would send them twice
spin() { # OPTION...: in the background, until the guest has said something; $pid
	rm -f "$tmp/out"
	"$TRAPEZE" step -k "$guests/real_spin.bin" --protocol real -m 16M --timeout 50 -x c "$@" \
		</dev/null >"$tmp/out" 2>"$tmp/err" &
	pid=$!
	children+=("$pid")
	wait_for 20 grep -qs 'busy' "$tmp/out"
}
if wanted sigint-stops-a-running-guest; then
	spin -x regs -x 'print 7'
	kill -INT "$pid"
	wait "$pid"
	status=$?
	says sigint-stops-a-running-guest 0 '^stopped$' 'real mode' '^0x7 = 7'
fi
if wanted sigterm-ends-it; then
	spin
	kill -TERM "$pid"
	wait "$pid"
	status=$?
	is sigterm-ends-it test "$status" = 143
fi

# --- a terminal
if wanted terminal; then
	if command -v python3 >/dev/null; then
		if timeout 100 python3 "$top/tests/lib/step_pty.py" "$TRAPEZE" "$guests" >"$tmp/out" 2>&1; then
			ok terminal
		else
			not_ok terminal "see below"
		fi
	else
		skip terminal "no python3"
	fi
fi

finish

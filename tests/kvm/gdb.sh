#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Sessions of the real gdb with a small guest (firmware/tests/flat64_debug.S) on this host's /dev/kvm.
# Hardware breakpoints are left to test_debug.c, which knows what this KVM has.
#
#   tests/kvm/gdb.sh [TRAPEZE [BUILD_DIR]]
set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
need_kvm
cd "$tmp" || exit 1
command -v gdb >/dev/null || {
	skip sessions "no gdb"
	finish
}
# gdb takes the width of the code from the symbols: the guest's are those of a 32-bit file.
objcopy -I elf32-i386 -O elf64-x86-64 "$guests/flat64_debug.elf" symbols || exit 1

start() { # OPTION...
	rm -f gdb.sock
	timeout -k 2 60 "$TRAPEZE" run -k "$guests/flat64_debug.bin" --protocol flat64 -m 16M --serial null --debugcon null \
		--gdb "unix:gdb.sock${nowait-}" "$@" >out 2>err </dev/null &
	guest=$!
	children+=("$guest")
	for _ in $(seq 200); do
		[ ! -S gdb.sock ] || return
		sleep 0.05
	done
}
session() { # COMMAND...
	local c args=()
	for c; do args+=(-ex "$c"); done
	timeout -k 2 60 gdb -nx -batch -ex 'set pagination off' -ex 'set confirm off' -ex 'file symbols' \
		-ex 'target remote gdb.sock' "${args[@]}" >session 2>&1
}
says() { # NAME RE...
	local name=$1 re
	shift
	for re; do
		grep -qE -e "$re" session || {
			cat session >>err
			not_ok "$name" "gdb does not say: $re"
			return
		}
	done
	ok "$name"
}
ends() { # NAME STATUS
	wait $guest
	local got=$?
	is "$1" [ $got = "$2" ]
}

# --- a session from the first instruction to the end
start -c 2
session 'info threads' 'p/x $cr0' 'p $xmm0' 'set var *(char *)&again = 1' 'break func' 'continue' 'p/x $r8' \
	'x/2i $pc' 'p *(int *)&count' 'stepi' 'p *(int *)&count' 'bt' 'continue' 'monitor regs' 'monitor dev' \
	'delete' 'set var *(char *)&again = 0' 'continue'
says threads 'Thread 1 \(CPU 0, ring 0, 64-bit code\).* _start \(\)' 'Thread 2 \(CPU 1, '
says registers '^\$1 = 0x80000031' 'v4_float = \{0' '= 0x1122334455667788'
says breakpoint '^Breakpoint 1, 0x[0-9a-f]+ in func|Thread 1 hit Breakpoint 1, 0x[0-9a-f]+ in func'
says memory-as-it-was '<func>:[[:space:]]+incl'
says step '^\$5 = 0$|^\$4 = 0$' '^\$5 = 1$'
says monitor 'cpu 0, 64-bit mode' 'serial0|i8259'
says end 'exited with code 0125'
ends status 85

# --- registers and memory that are written
start
session 'break func' 'continue' 'set var $rbx = 1' 'set var *(int *)&count = 41' 'delete' 'break decide' 'continue' \
	'p *(int *)&count' 'p $rbx'
says writes '= 42$' '= 0$'
kill $guest 2>/dev/null
wait $guest

# --- a guest that resets stands at its first instruction, and its breakpoints are still there
start
session 'break decide' 'continue' 'set var *(char *)&action = 1' 'continue' 'info registers rip' 'continue' 'p *(int *)&count' \
	'delete' 'continue'
says reset 'the guest was reset' 'rip .*<_start>' '^\$1 = 3' 'exited with code 0125'
ends reset-status 85

# --- one that crashes can be looked at
start
session 'break decide' 'continue' 'set var *(char *)&action = 2' 'continue' 'p *(int *)&count' 'continue'
says crash 'the guest crashed' 'SIGABRT' '^\$1 = 3' 'exited with code 041'
ends crash-status 33

# --- power off, by ACPI
start
session 'break decide' 'continue' 'set var *(char *)&action = 5' 'continue'
says power-off 'the guest powered off' 'exited normally'
ends power-off-status 0

# --- a watchpoint is hit, or what would never be hit is refused in a sentence
start
session 'watch *(int *)&count' 'continue' 'delete' 'continue'
if grep -q 'does not tell of watchpoints: they would never be hit' err; then
	ok watchpoint
else
	says watchpoint 'Hardware watchpoint 1' 'New value = 1' 'exited with code 0125'
fi
wait $guest

# --- a debugger that is torn away lets the guest go, and the next one finds it
start
session 'set var *(char *)&again = 1' 'break func' 'continue' 'shell kill -9 $PPID'
session 'info registers rip' 'set var *(char *)&again = 0' 'detach'
says next-debugger '\[Inferior 1 .*detached\]'
ends torn-away 85

# --- kill
start
session 'kill'
ends killed 0

# --- a guest that does not wait, and is stopped when somebody comes
nowait=,nowait
start
ends nobody-comes 85
unset nowait

# --- SIGTERM to a guest that stands: there is nobody to hear a power button
start
kill -TERM $guest
ends sigterm 143

# --- the option in a file, and a comma in a name
"$TRAPEZE" run -k x --gdb 'unix:a,,b,nowait' --dump-config >a.json
"$TRAPEZE" run --config a.json --dump-config >b.json
is config cmp a.json b.json
is config-has-it grep -q '"where": "unix:a,b"' b.json

# --- where nobody can connect
refused 2 '.*is no place for gdb' bad-place -k x --gdb nowhere
refused 2 '.*is no place for gdb' bad-port -k x --gdb tcp::0
refused 2 '.*is no place for gdb' bad-host -k x --gdb tcp:example.org:1
refused 2 ".*has no 'wiat'" bad-key -k x --gdb tcp::1234,wiat
refused 1 ".*/nonexistent/gdb" no-directory -k "$guests/flat64_debug.bin" --protocol flat64 --gdb unix:/nonexistent/gdb
finish

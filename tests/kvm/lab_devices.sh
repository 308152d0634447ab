#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Lab devices (--lab-device) that misbehave: the guest lives, one sentence says what was wrong.
#
# The guest is lab 3's: it says "+" if the device adds as it should, "?" if not, and powers off.
set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
need_kvm
CC=${CC:-cc}
guest=$B/firmware/labs/03-device.bin

# A device of the two functions given; "raw" instead of the first: a main() of its own.
build() { # NAME READ WRITE
	{
		echo '#include <errno.h>'
		echo '#include <signal.h>'
		echo '#include <stdlib.h>'
		echo "#include <sys/socket.h>"
		echo '#include "vmm/lab_device.h"'
		if [ "$2" = raw ]; then
			echo "int main(void) { $3 }"
		else
			echo 'static uint32_t sum;'
			echo "static uint32_t rd(unsigned port, unsigned size) { (void)port; (void)size; $2 }"
			echo "static void wr(unsigned port, unsigned size, uint32_t value) { (void)port; (void)size; (void)value; $3 }"
			echo 'LAB_DEVICE("adder", 0x5d8, 2, rd, wr)'
		fi
	} >"$tmp/$1.c"
	$CC -std=gnu11 -D_GNU_SOURCE -I"$top/include" -o "$tmp/$1" "$tmp/$1.c" 2>"$tmp/err" || {
		not_ok "$1" "it does not compile"
		return 1
	}
}

# A device, what the guest says of it, and what trapeze does; nothing is left behind.
t() { # NAME READ WRITE STATUS CONSOLE MESSAGE
	local got why=
	wanted "$1" || return
	build "$1" "$2" "$3" || return
	timeout -k 2 40 "$TRAPEZE" run -k "$guest" --protocol real -m 16M --timeout 30 \
		--lab-device "$tmp/$1" >"$tmp/out" 2>"$tmp/err"
	got=$?
	if [ "$got" != "$4" ]; then
		why="exit status $got, not $4"
	elif [ "$(cat "$tmp/out")" != "$5" ]; then
		why="the guest says something else than '$5'"
	elif [ -n "$6" ] && ! grep -Eq "$6" "$tmp/err"; then
		why="no message matches '$6'"
	elif [ -n "$6" ] && [ "$(grep -Ec "$6" "$tmp/err")" != 1 ]; then
		why="'$6' is said more than once"
	elif pgrep -f "^$tmp/$1\$" >"$tmp/left"; then
		why="the program is still there"
	fi
	if [ -z "$why" ]; then ok "$1"; else not_ok "$1" "$why"; fi
}

add='if (port == 0) sum += value; else sum = 0;'
get='return port == 0 ? sum \& 0xff : sum >> 8;'
get=${get//\\/}
hello='struct lab_hello h = { LAB_DEVICE_MAGIC, 0x5d8, 2, "adder" }; struct lab_access a; (void)!write(3, &h, sizeof(h)); (void)a;'

t good "$get" "$add" 0 + ''
t too-wide 'return port == 0 ? sum : sum >> 8;' "$add" 0 + \
	"'adder' answers a read of 1 byte at port 0x5d8 with 0x12c: what does not fit is cut off"
t wrong 'return 7;' "$add" 0 '?' ''
t prints "$get" "$add"' printf("value %u\033[31m\n", value);' 0 + 'says: value 200\\x1b'
t prints-without-end "$get" "$add"' for (int i = 0; i < 100000; i++) printf("line %d\n", i);' 0 + ''
t crashes 'abort();' "$add" 0 '?' \
	"of 'adder' has ended by signal 6 \(Aborted\) at a read of port 0x5d9"
t exits "$get" 'exit(3);' 0 '?' "of 'adder' has ended with status 3 at a write of port 0x5d9"
t hangs 'for (;;) pause();' "$add" 0 '?' \
	"of 'adder' has not answered within 1000 ms at a read of port 0x5d9"
t stops 'raise(SIGSTOP); return 0;' "$add" 0 '?' 'has not answered within 1000 ms'
t ignores-signals 'for (int i = 1; i < 32; i++) signal(i, SIG_IGN); for (;;) pause();' "$add" 0 '?' \
	'has not answered within 1000 ms'
t closes "$get" 'close(3); for (;;) pause();' 0 '?' "of 'adder' has closed its socket"
t floods "$get" 'uint64_t z[2] = { 0 }; while (send(3, z, 12, MSG_DONTWAIT) > 0);' 0 '?' \
	'answers with something else than an answer at a write of port 0x5d9'
t unasked raw "$hello"'while (read(3, &a, sizeof(a)) > 0) { (void)!write(3, &a, sizeof(a)); (void)!write(3, &a, sizeof(a)); }' \
	0 '?' '(talks without being asked|answers with something else)'
t short raw "$hello"'while (read(3, &a, sizeof(a)) > 0) (void)!write(3, &a, 5);' 0 '?' \
	'answers with something else than an answer'
t long raw "$hello"'char b[4000] = ""; while (read(3, &a, sizeof(a)) > 0) (void)!write(3, b, sizeof(b));' \
	0 '?' 'answers with something else than an answer'
t other-number raw "$hello"'while (read(3, &a, sizeof(a)) > 0) { a.seq++; (void)!write(3, &a, sizeof(a)); }' \
	0 '?' 'answers with something else than an answer'
t no-hello raw 'return 5;' 1 '' "has ended with status 5 before it said what it is"
t wrong-hello raw '(void)!write(3, "hello", 5); pause();' 1 '' 'says nothing of itself that makes sense'
t silent raw 'pause();' 1 '' 'has said nothing for 5 seconds'
t too-many-ports raw 'struct lab_hello h = { LAB_DEVICE_MAGIC, 0x5d8, 9999, "adder" }; (void)!write(3, &h, sizeof(h)); pause();' \
	1 '' "'adder' wants 9999 ports at 0x5d8; 1 to 256 it can have"
t last-ports raw 'struct lab_hello h = { LAB_DEVICE_MAGIC, 0xffff, 2, "adder" }; (void)!write(3, &h, sizeof(h)); pause();' \
	1 '' "'adder' wants 2 ports at 0xffff"
t taken-ports raw 'struct lab_hello h = { LAB_DEVICE_MAGIC, 0x3f8, 2, "adder" }; (void)!write(3, &h, sizeof(h)); pause();' \
	1 '' "adder"
t bad-name raw 'struct lab_hello h = { LAB_DEVICE_MAGIC, 0x5d8, 2, "\033[2J" }; (void)!write(3, &h, sizeof(h)); pause();' \
	1 '' 'says nothing of itself that makes sense'

if wanted not-there; then
	timeout 20 "$TRAPEZE" run -k "$guest" --protocol real -m 16M --lab-device "$tmp/none" >"$tmp/out" 2>"$tmp/err"
	is not-there [ $? = 1 ]
	is not-there-says grep -q "cannot start '$tmp/none': No such file or directory" "$tmp/err"
fi
finish

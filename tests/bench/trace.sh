#!/bin/busybox sh
# SPDX-License-Identifier: MIT
#
# What a trace costs, inside the lab, whose clock counts instructions. Lines that start with "metric"
# go to the other side: metric NAME VALUE.
bad=0
P="console=ttyS0 quiet do=quiet end=reboot"
T="/trapeze run -q --no-reboot --timeout 60 -m 256M"

metric() { echo "metric $1 $2"; }
lost() {
	echo "FAIL $1; its output ends:"
	tail -n 12 /tmp/out | sed 's/^/    /'
	bad=1
}

# The guest counts its own ticks; under icount a tick is an instruction.
ticks() { # NAME CMD...
	name=$1
	shift
	"$@" >/tmp/out 2>&1 </dev/null
	v=$(tr -d '\r' </tmp/out | sed -n 's/^ticks per exit: //p')
	[ -n "$v" ] && metric "$name" "$v" || lost "$name"
}
metric trace.exit.floor "$(/floor exits)"
E="/trapeze run -q -m 64M --timeout 60 -k /guest/bench_inl.elf"
ticks trace.exit.off $E -p 608
ticks trace.exit.file $E -p 608 --trace-out /tmp/trace
ticks trace.exit.summary $E -p 608 --trace=summary

# boot NAME CMD...: lab time from exec to exit
boot() {
	name=$1
	shift
	if r=$(/spawn -e 32 -- "$@" 2>/tmp/out </dev/null); then
		metric "$name" "$(echo "$r" | awk '{ printf "%.4f", $4 / 1e9 }')"
	else
		lost "$name"
	fi
}
boot trace.boot.off $T -k /guest/bzImage -i /guest/initrd -p "$P"
boot trace.boot.file $T -k /guest/bzImage -i /guest/initrd -p "$P" --trace-out /tmp/trace
grep -q 'records were lost' /tmp/out && lost trace.boot.file
[ -s /tmp/trace ] && metric trace.boot.size $(($(wc -c </tmp/trace) / 1024))

exit $bad

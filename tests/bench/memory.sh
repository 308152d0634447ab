#!/bin/busybox sh
# SPDX-License-Identifier: MIT
#
# What a VMM holds for itself while a guest is up. In a lab whose clock runs with the wall's: five
# CPUs that wait for each other on one of the lab's would take a clock of instructions for ever.
Q="qemu-system-x86_64 -M q35 -enable-kvm -cpu host -nodefaults -display none -no-reboot -serial stdio"
HINTS="cryptomgr.notests tsc=reliable no_timer_check i8042.nokbd i8042.noaux 8250.nr_uarts=1 random.trust_cpu=on pci=lastbus=0"
bad=0

metric() { echo "metric $1 $2"; }
lost() {
	echo "FAIL $1; its output ends:"
	tail -n 12 /tmp/out | sed 's/^/    /'
	bad=1
}

# Private pages of the VMM, guest RAM aside: all mappings but the guest's, which is the big one.
private() { # PID GUEST-KIB
	awk -v ram="$2" '
		/^[0-9a-f]+-[0-9a-f]+ / { next }
		/^Size:/ { guest = $2 >= ram / 2 }
		/^Private_(Clean|Dirty):/ { if (!guest) sum += $2 }
		END { print sum + 0 }' "/proc/$1/smaps"
}
memory() { # NAME CMD...
	name=$1
	shift
	: >/tmp/out
	"$@" >/tmp/out 2>&1 </dev/null &
	pid=$!
	i=0
	until grep -q '^guest: uptime' /tmp/out || [ $i = 600 ]; do
		sleep 0.1
		i=$((i + 1))
	done
	sleep 2
	if grep -q '^guest: uptime' /tmp/out; then
		metric "$name" "$(private $pid 262144)"
	else
		lost "$name"
	fi
	kill -KILL $pid
	wait $pid 2>/dev/null
}
M="console=ttyS0 quiet end=sleep"
memory memory.qemu.1 $Q -m 256 -kernel /guest/bzImage -initrd /guest/initrd -append "$M $HINTS"
if [ -x /trapeze ]; then
	memory memory.trapeze.1 /trapeze run -q -m 256M -k /guest/bzImage -i /guest/initrd -p "$M"
	memory memory.trapeze.5 /trapeze run -q -m 256M -c 5 -k /guest/bzImage -i /guest/initrd -p "$M"
fi
exit $bad

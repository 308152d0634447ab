#!/bin/busybox sh
# SPDX-License-Identifier: MIT
#
# What networks cost, in instructions of the lab's only CPU, everything from the program in the guest
# to the one on the host: guest, its kernel, KVM, host kernel and VMM. The same guest, kernel and
# programs with trapeze and with QEMU; what is not the VMM's own is the same for both. The time in which
# the CPU had nothing to do does not count. "other": CPU time of the VMM's threads that do not run the
# guest, the host kernel's share in it: the work on packets without kicks and interrupts; with vhost
# that is done by a thread of the kernel.
#
#   tcp.out, tcp.in  iperf3, guest to host and back, per byte
#   udp.out, udp.in  datagrams of 1470 bytes, 32 at a time, per datagram
#   rr               round trips of one byte over TCP, one at a time
#
#   net.sh qemu|trapeze[-switch|-vsock|-vhost-vsock] [NAME.KIND,...]   only those, as tap.tcp.out; or all
bad=0
for m in tun tap vhost_iotlb vhost vhost_net; do insmod /modules/$m.ko; done
# Who waits for an interrupt sleeps at once, and does not first spin for some time: spinning is not work.
echo 0 >/sys/module/kvm/parameters/halt_poll_ns
echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
# By its path: the shell would take its own "ip", which knows no taps.
tap() { # NAME ADDRESS
	/bin/ip tuntap add $1 mode tap vnet_hdr && ip addr add $2 dev $1 && ip link set $1 up
}
tap tap0 10.0.2.2/24 && tap tap1 10.0.3.2/24 || { echo "FAIL net: no tap"; exit 1; }
iperf3 -s -D
netload serve tcp:*:7100 udp:*:7100 &

P="console=ttyS0 quiet ipv6.disable=1 do=net tests=bench mib=${MIB:-272} packets=${PACKETS:-4160} trips=${TRIPS:-1100}${2:+ jobs=$2}"
IP="addr=10.0.2.15/24 addr1=10.0.3.15/24 bench=tap:ip:10.0.2.2,vhost:ip:10.0.3.2"
HINTS="cryptomgr.notests tsc=reliable no_timer_check i8042.nokbd i8042.noaux 8250.nr_uarts=1 random.trust_cpu=on panic=-1"

# figures VMM: what /tmp/marks says, as metrics.
figures() {
	awk -v vmm="$1" -v mib=$((${MIB:-272} - 16)) -v packets=$((${PACKETS:-4160} - 320)) -v trips=$((${TRIPS:-1100} - 100)) '
		{ busy[$2] = $4 - $8; other[$2] = $6; idle[$2] = $8 }
		function cost(v, k) { return (v[k ".many.end"] - v[k ".many.begin"]) - (v[k ".few.end"] - v[k ".few.begin"]) }
		/\.few\.begin / {
			k = $2
			sub(/\.few\.begin$/, "", k)
			name[++cnt] = k
		}
		END {
			for (i = 1; i <= cnt; i++) {
				k = name[i]
				split(k, part, ".")
				n = k ~ /rr$/ ? trips : k ~ /^vsock/ ? 64 * 1048576 : k ~ /udp/ ? packets : mib * 1048576
				format = n > 100000 ? "%.4f" : "%.0f"
				printf "metric net.%s.%s.%s " format "\n", part[1], vmm, substr(k, length(part[1]) + 2), cost(busy, k) / n
				printf "metric net.%s.%s.%s.other " format "\n", part[1], vmm, substr(k, length(part[1]) + 2), cost(other, k) / n
				# What waits although there is something to do, waits for a timer.
				printf "metric net.%s.%s.%s.idle %.4f\n", part[1], vmm, substr(k, length(part[1]) + 2), cost(idle, k) / n
			}
		}' /tmp/marks
}
# measure VMM CMD...: the marks go out at once as well, so that a lab that hangs is known by its silence.
measure() {
	local vmm=$1
	shift
	: >/tmp/out
	{
		# The time is the lab's: seconds of instructions, and of waiting, which takes none.
		/meter 1000 0 "$@" 2>&1 >/tmp/marks
		echo $? >/tmp/status
	} | while read -r line; do
		echo "$line" >>/tmp/out
		case $line in *"guest: mark "*) echo mark >/dev/ttyS2 ;; esac
	done
	# What the emulated machine does to a nested guest (scripts/bench.sh) may also end in the guest's
	# panic. It is no figure, and nothing to learn from: another lab is to try again.
	if grep -q 'Kernel panic' /tmp/out; then
		echo "net.$vmm: the guest's kernel panicked"
		exit 125
	fi
	if [ "$(cat /tmp/status)" != 0 ] || ! tr -d '\r' </tmp/out | grep -q '^guest: bench ok'; then
		echo "FAIL net.$vmm; its output ends:"
		tail -n 12 /tmp/out | sed 's/^/    /'
		bad=1
		return
	fi
	figures $vmm
}

# VM to VM: the other one serves until it is killed. Its console's input must not end.
SERVE="console=ttyS0 quiet ipv6.disable=1 do=net tests=serve addr=10.0.5.1/24"
TALK="$P addr=10.0.5.2/24 bench=switch:ip:10.0.5.1"
Q="qemu-system-x86_64 -name peer,debug-threads=on -M q35 -enable-kvm -cpu host -nodefaults -display none
	-no-reboot -serial stdio -m 256 -kernel /guest/vmlinux -initrd /guest/initrd.net"
T="/trapeze run -q --timeout 3000 -m 256M -k /guest/vmlinux -i /guest/initrd.net"
served_by() { # CMD...
	local i=0
	: >/tmp/server
	tail -f /dev/null | "$@" >/tmp/server 2>&1 &
	while ! grep -q '^guest: serves' /tmp/server && [ $i -lt 300 ]; do
		usleep 100000
		i=$((i + 1))
	done
}
vsock_modules() {
	for m in vsock vmw_vsock_virtio_transport_common vhost_vsock; do insmod /modules/$m.ko; done
}

case $1 in
qemu)
	measure qemu $Q -append "$P $IP $HINTS" \
		-netdev tap,id=n0,ifname=tap0,script=no,downscript=no,vhost=off -device virtio-net-pci,netdev=n0,disable-legacy=on,romfile= \
		-netdev tap,id=n1,ifname=tap1,script=no,downscript=no,vhost=on \
		-device virtio-net-pci,netdev=n1,disable-legacy=on,romfile=,mac=52:54:00:00:00:02
	;;
trapeze)
	measure trapeze $T -p "$P $IP" \
		-n tap,name=tap0 -n tap,name=tap1${VHOST-,vhost}
	;;
qemu-switch)
	served_by $Q -append "$SERVE $HINTS" -netdev stream,id=n0,server=on,addr.type=unix,addr.path=/tmp/wire \
		-device virtio-net-pci,netdev=n0,disable-legacy=on,romfile=
	measure qemu $Q -append "$TALK $HINTS" -netdev stream,id=n0,server=off,addr.type=unix,addr.path=/tmp/wire \
		-device virtio-net-pci,netdev=n0,disable-legacy=on,romfile=,mac=52:54:00:00:00:02
	;;
trapeze-switch)
	served_by $T --name server -p "$SERVE" -n switch,name=bench
	measure trapeze $T --name client -p "$TALK" -n switch,name=bench
	;;
qemu-vsock)
	vsock_modules
	netload serve vsock:*:7100 &
	measure qemu $Q -append "$P bench=vsock:vsock:2 $HINTS" -device vhost-vsock-pci,guest-cid=3,disable-legacy=on
	;;
trapeze-vsock)
	netload serve unix:/tmp/vsock_7100 &
	measure trapeze $T -p "$P bench=vsock:vsock:2" --vsock cid=3,path=/tmp/vsock
	;;
trapeze-vhost-vsock)
	vsock_modules
	netload serve vsock:*:7100 &
	measure trapeze $T -p "$P bench=vsock-vhost:vsock:2" --vsock cid=3,vhost
	;;
*) echo "net.sh: no '$1'; see its top" && bad=2 ;;
esac
exit $bad

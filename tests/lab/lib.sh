# SPDX-License-Identifier: MIT
#
# What the cases are written with. A case is read by a shell in the lab, runs guests, and says what
# it expects; the first expectation that fails ends it. Its "# limit: N" line gives it N seconds.
#
# After run_guest: $status is the exit status, $console and $messages are files.
n=0
console=$DIR/console messages=$DIR/messages status=none
input=/dev/null
V=/trapeze
BZIMAGE=/guest/bzImage VMLINUX=/guest/vmlinux INITRD=/guest/initrd
QUIET="console=ttyS0 quiet"

fail() {
	echo "FAIL: $*"
	exit 1
}
skip() {
	echo "$*" >"$DIR/skip"
	exit 77
}
# A case that never expected anything has proved nothing.
finish() {
	[ "$n" -gt 0 ] || fail "the case checks nothing"
	exit 0
}

# guest ARGS...: the command line of a run with a kernel, an initrd and a time limit, unless given.
guest() {
	local a k=1 i=1 t=1
	for a; do
		case $a in
		-k | --kernel | --kernel=*) k=0 ;;
		-i | --initrd | --initrd=*) i=0 ;;
		--timeout | --timeout=*) t=0 ;;
		esac
	done
	[ $k = 0 ] || set -- -k $BZIMAGE "$@"
	[ $i = 0 ] || set -- -i $INITRD "$@"
	[ $t = 0 ] || set -- --timeout 40 "$@"
	exec $V run "$@"
}

run_guest() {
	echo "+ trapeze run $*"
	(guest "$@") >"$console" 2>"$messages" </dev/null
	status=$?
	echo "exit status $status"
}

# store: mounts the file system with disk images at /store. Images in it are for copying; $disks, for
# the copies, goes with the case. qemu_img, e2fsck: the host's tools.
store() {
	local i=0
	until mkdir /tmp/store.lock 2>/dev/null; do usleep 10000; done
	if ! grep -q ' /store ' /proc/mounts; then
		mkdir -p /store
		while [ ! -b /dev/nvme0n1 ] && [ $i -lt 100 ]; do
			usleep 100000
			i=$((i + 1))
		done
		mount -t ext4 /dev/nvme0n1 /store
	fi
	rmdir /tmp/store.lock
	grep -q ' /store ' /proc/mounts || fail "the lab's store of disk images cannot be mounted"
	disks=/store/case.$CASE
	rm -rf "$disks"
	mkdir "$disks" || fail "no room in the store"
}
# new_disk NAME[.raw|.qcow2]: a fresh root disk, $disks/NAME.*
new_disk() {
	cp "/store/images/root.${1##*.}" "$disks/$1" || fail "no room for the disk '$1'"
}
tool() {
	local t=$1
	shift
	/store/lib64/ld-linux-x86-64.so.2 --library-path /store/lib/x86_64-linux-gnu "/store/bin/$t" "$@"
}
qemu_img() { tool qemu-img "$@"; }
# session COMMAND...: a gdb that does these, one after the other, with the stock kernel's own symbols
# (symbols). What it says is in $DIR/gdb.
symbols() {
	[ -e "$DIR/syms" ] || $V symbols $BZIMAGE -o "$DIR/syms" || fail "no symbols"
}
session() {
	local c
	store
	symbols
	for c; do echo "$c"; done >"$DIR/commands"
	export PYTHONHOME=/store/usr PYTHONDONTWRITEBYTECODE=1
	echo "+ gdb: $*"
	tool gdb --data-directory=/store/usr/share/gdb -nx -batch -x "$DIR/commands" "$DIR/syms" \
		>"$DIR/gdb" 2>&1 </dev/null
	cat "$DIR/gdb"
}
expect_gdb() {
	n=$((n + 1))
	grep -qE -e "$1" "$DIR/gdb" || fail "gdb does not say: $1"
}
expect_no_gdb() {
	n=$((n + 1))
	! grep -E -e "$1" "$DIR/gdb" || fail "gdb says: $1"
}

# root_guest TESTS [WORD=VALUE...] -- ARGS...: runs a guest whose root is its first disk; it runs TESTS
# of tests/lab/disk, A,B, with the words as environment. All must say that they went well.
# start_root_guest: the same in the background, see start_guest.
root_line() {
	line="$QUIET do=root root=/dev/vda tests=$1"
	shift
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		line="$line $1"
		shift
	done
}
root_guest() {
	local tests=$1 line t
	root_line "$@"
	while [ "$1" != -- ]; do shift; done
	shift
	: >"$console"
	run_guest -k $VMLINUX -i $INITRD.disk -m 256M -p "$line" "$@"
	expect_exit 0
	for t in $(echo "$tests" | tr , ' '); do expect_console "^guest: $t ok"; done
	expect_no_console '^guest: (BAD|cannot)|I/O error|EXT4-fs (error|warning)|virtio.*(error|fail)'
	expect_clean_boot
}
start_root_guest() {
	local line
	root_line "$@"
	while [ "$1" != -- ]; do shift; done
	shift
	start_guest -k $VMLINUX -i $INITRD.disk -m 256M -p "$line" "$@"
}
# Nothing is wrong with an image, as its format goes; check_root: nor with the file system on it.
check_image() {
	case $1 in
	*.qcow2) qemu_img check "$1" >"$DIR/check" 2>&1 || fail "qemu-img check: $(cat "$DIR/check")" ;;
	esac
	n=$((n + 1))
}
check_root() {
	local raw=$1
	check_image "$1"
	case $1 in
	*.qcow2)
		raw=$1.raw
		qemu_img convert -O raw "$1" "$raw" || fail "qemu-img cannot read '$1'"
		;;
	esac
	tool e2fsck -fn "$raw" >"$DIR/check" 2>&1 || fail "e2fsck: $(cat "$DIR/check")"
	[ "$raw" = "$1" ] || rm -f "$raw"
	n=$((n + 1))
}
# What an image takes of the host's disk, KiB.
host_kib() {
	sync
	echo $(($(stat -c %b "$1") / 2))
}
# An image that took BEFORE KiB, on which the test "discard" has run since, takes not much more.
expect_trimmed() { # IMAGE BEFORE
	local now
	now=$(host_kib "$1")
	n=$((n + 1))
	[ $((now - $2)) -lt 6000 ] || fail "after 12 MiB were written and discarded, the image grew from $2 to $now KiB"
}

# own_network: the case goes on in a network of its own, that nobody else sees and that goes with it. In
# front of anything else. Its servers, where packets of all guests arrive: iperf3 on port 5201, netload
# on 7100, and what comes to port 7200 goes back when it has come whole.
own_network() {
	[ -z "${OWN_NETWORK:-}" ] || {
		sysctl -qw net.ipv6.conf.default.disable_ipv6=1
		mount -t sysfs sys /sys # shows the network of who mounts it
		/bin/ip link set lo up
		return
	}
	until mkdir /tmp/net.lock 2>/dev/null; do usleep 10000; done
	modules tun tap vhost_iotlb vhost vhost_net dummy
	rmdir /tmp/net.lock
	# On top of the initial root, which is none that programs can leave for one of their own.
	mkdir -p /other
	OWN_NETWORK=1 exec unshare -n -m sh -c 'mount --rbind / /other && cd /other && mount --move . / &&
		exec chroot . sh -c ". /lib.sh; . /cases/$CASE.sh; finish"'
}
# modules NAME...: drivers of the lab host, in the order of their needs.
modules() {
	local m
	for m; do
		[ -e /sys/module/$m ] || insmod /modules/$m.ko || fail "the lab has no module $m"
	done
}
servers() {
	iperf3 -s -D -I "$DIR/iperf.pid"
	netload serve tcp:*:7100 udp:*:7100 >/dev/null 2>&1 &
	# The connection ends when its input does, so that the echo waits for the whole.
	while :; do nc -l -p 7200 -e sh -c "cat >$DIR/echo; cat $DIR/echo"; done >/dev/null 2>&1 &
}
# new_tap NAME ADDRESS/LEN [multi_queue]: a tap that stays, with the host's address on it.
new_tap() {
	local name=$1 address=$2
	shift 2
	# By its path: the shell's own "ip" knows no taps.
	/bin/ip tuntap add "$name" mode tap vnet_hdr "$@" || fail "no tap '$name'"
	/bin/ip addr add "$address" dev "$name"
	/bin/ip link set "$name" up
}
# net_guest TESTS [WORD=VALUE...] -- ARGS...: runs a guest with networks that does TESTS of tests/lab/net,
# A,B, with the words as environment (addr, peer are the usual ones). All must say that they went well.
# start_net_guest: the same in the background, see start_guest; its console hears what tell says.
net_line() {
	line="$QUIET do=net tests=$1"
	shift
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		line="$line $1"
		shift
	done
	# The usual address of the one guest there is, and of the host.
	case $line in *' addr='*) ;; *) line="$line addr=10.0.2.15/24" ;; esac
	case $line in *' peer='*) ;; *) line="$line peer=10.0.2.2" ;; esac
}
net_said() { # TESTS
	local t
	for t in $(echo "$1" | tr , ' '); do expect_console "^guest: $t ok"; done
	expect_no_console '^guest: (BAD|cannot|.* FAILED)|virtio.*(error|fail)|NETDEV WATCHDOG|TX timeout'
	expect_clean_boot
}
net_guest() {
	local tests=$1 line
	net_line "$@"
	while [ "$1" != -- ]; do shift; done
	shift
	: >"$console"
	run_guest -k $VMLINUX -i $INITRD.net -m 256M -p "$line" "$@"
	expect_exit 0
	net_said "$tests"
}
start_net_guest() {
	local line
	net_line "$@"
	while [ "$1" != -- ]; do shift; done
	shift
	start_guest -k $VMLINUX -i $INITRD.net -m 256M -p "$line" "$@"
}
# reset_under_load CPUS WORD=VALUE,... ARGS...: the machine is reset while iperf3 sends both ways; the next
# boot finds its card as new. The words say how (tests/lab/net/reboot, tests/lab/do/net).
reset_under_load() {
	local cpus=$1 words=$2 i=0
	shift 2
	# shellcheck disable=SC2086
	start_net_guest ping,reboot $(echo "$words" | tr , ' ') -- --timeout 80 -c "$cpus" "$@"
	wait_console '^guest: resets under load' 60
	while [ "$(tr -d '\r' <$console | grep -c '^guest: ping ok')" -lt 2 ]; do
		usleep 200000
		i=$((i + 1))
		[ $i -lt 250 ] || fail "the second boot has no network"
		kill -0 $pid 2>/dev/null || fail "the VM ended"
	done
	n=$((n + 1))
	kill $pid
	wait_guest
	expect_no_console '^guest: (BAD|cannot)'
	expect_clean_boot
}
# heard: from now on a guest that starts in the background hears on its console what tell says.
heard() {
	mkfifo "$DIR/hears"
	exec 8<>"$DIR/hears"
	input=$DIR/hears
}
tell() { echo "$*" >&8; }

# start_guest ARGS...: the same in the background; sets $pid. wait_guest then sets $status.
start_guest() {
	echo "+ trapeze run $* &"
	: >"$console"
	(guest "$@") >"$console" 2>"$messages" <"$input" &
	pid=$!
}
wait_guest() {
	wait $pid
	status=$?
	echo "exit status $status"
}
wait_console() { # RE SECONDS
	local i=0
	while [ $i -lt $((${2:-30} * 10)) ]; do
		! grep -qE -e "$1" "$console" || return 0
		kill -0 $pid 2>/dev/null || fail "the guest ended before its console said: $1"
		usleep 100000
		i=$((i + 1))
	done
	fail "in ${2:-30} s the console did not say: $1"
}

# run_command PACK-OPTION... -- COMMAND...: a guest that runs one command, by the init of firmware/init
# ($with: more words for trapeze). Its output is in $DIR/out and $DIR/err, what the init said in
# $DIR/records. $ports_on_sockets names ports that feed(), run beside the guest, connects to.
run_command() {
	local p w feeder=
	/guest/inithost pack $DIR/seg "$@" || fail "cannot pack the init"
	rm -f $DIR/out $DIR/err $DIR/records $DIR/raw
	set -- ${with:-}
	for p in control stdin stdout stderr; do
		case $p in
		control) w=file:$DIR/raw ;;
		stdin) w=null ;;
		stdout) w=file:$DIR/out ;;
		stderr) w=file:$DIR/err ;;
		esac
		case " ${ports_on_sockets:-} " in *" $p "*) w=unix:$DIR/$p ;; esac
		set -- "$@" --port org.trapeze.$p=$w
	done
	if [ -n "${ports_on_sockets:-}" ]; then
		feed &
		feeder=$!
	fi
	run_guest -k $VMLINUX -i $INITRD -i /guest/initrd.modules -i $DIR/seg -p "$QUIET" -m 256M "$@"
	[ -z "$feeder" ] || wait $feeder
	[ ! -e $DIR/raw ] || /guest/inithost show $DIR/raw >$DIR/records
	cat $DIR/records
}
expect_record() {
	n=$((n + 1))
	grep -qE -e "$1" $DIR/records || fail "the init does not say: $1"
}

expect_exit() {
	n=$((n + 1))
	[ "$status" = "$1" ] || fail "exit status $status, expected $1; $(tail -n 3 "$messages")"
}
expect_console() {
	n=$((n + 1))
	tr -d '\r' <"$console" | grep -qE -e "$1" || fail "the console does not say: $1"
}
expect_no_console() {
	n=$((n + 1))
	! tr -d '\r' <"$console" | grep -E -e "$1" || fail "the console says: $1"
}
expect_count() { # N RE
	n=$((n + 1))
	local c
	c=$(tr -d '\r' <"$console" | grep -cE -e "$2")
	[ "$c" = "$1" ] || fail "the console says $c times, expected $1: $2"
}
expect_message() {
	n=$((n + 1))
	grep -qE -e "$1" "$messages" || fail "standard error does not say: $1"
}
expect() { # COMMAND... in the lab itself
	n=$((n + 1))
	"$@" || fail "not so: $*"
}
# Nothing that a healthy boot on healthy hardware would not print.
expect_clean_boot() {
	expect_no_console 'BUG:|WARNING: CPU|Oops|Call Trace|soft lockup|unexpected IRQ|spurious|nobody cared|ACPI (BIOS )?Error|ACPI Exception|MP-BIOS bug|not responding|tsc: Marking TSC unstable|hpet.*lost'
}

# make_tree: a directory to share, $DIR/s, with a tree of all kinds of files, their sums, and a big one.
make_tree() {
	local i=0
	mkdir -p $DIR/s/tree/dir/deep/er $DIR/s/tree/many
	cp /bin/busybox $DIR/s/busybox
	head -c 25000001 /dev/urandom >$DIR/s/big
	md5sum <$DIR/s/big >$DIR/s/big.md5
	cd $DIR/s/tree || fail "no tree"
	head -c 12345 /dev/urandom >dir/a
	head -c 4096 /dev/urandom >"dir/deep/er/a name with blanks"
	: >dir/empty
	chmod 640 dir/a
	ln dir/a hard
	ln -s ../../../etc/passwd link
	ln -s dir "link to dir"
	echo x >others
	chown 1234:2345 others
	chmod 700 dir/deep
	mkfifo fifo
	while [ $i -lt 400 ]; do
		echo -n abc >many/file$i
		i=$((i + 1))
	done
	touch -d "2011-12-13 14:15:16" dir/a many
	cd /
	(cd $DIR/s/tree && find . -type f -print0 | sort -z | xargs -0 md5sum) >$DIR/s/sums
}
# What is below a directory: kinds, modes, owners, and of files sizes, times and contents.
listing() {
	find "$1" -type f | sort | while read -r f; do stat -c '%n %f %u %g %s %Y' "$f"; done
	find "$1" ! -type f | sort | while read -r f; do stat -c '%N %f %u %g' "$f"; done
	find "$1" -type f | sort | while read -r f; do md5sum "$f"; done
}
# share_guest TESTS [WORD=VALUE...] -- ARGS...: runs a guest that does TESTS of tests/lab/do/share, A,B.
share_guest() {
	local tests=$1 line="$QUIET do=share tests=$1" t
	shift
	while [ "$1" != -- ]; do
		line="$line $1"
		shift
	done
	shift
	: >"$console"
	run_guest -k $VMLINUX -i $INITRD.disk -m 256M -p "$line" --timeout 200 "$@"
	expect_exit 0
	for t in $(echo "$tests" | tr , ' '); do expect_console "^guest: $t done"; done
	# A kernel that goes down breaks its virtio devices first, and says what that did to the rest.
	tr -d '\r' <"$console" | grep -v 'virtio_fs_enqueue_req() failed -5' >"$DIR/said"
	mv "$DIR/said" "$console"
	expect_no_console '^guest: (BAD|cannot)|virtio.*(error|fail)|fuse.*(error|warn)'
	expect_clean_boot
}
# run_test STATUS ARGS...: trapeze test, with a kernel and an initrd unless --bare comes first; its
# output is in $DIR/out and $DIR/err, its input $input. It must exit with STATUS.
run_test() {
	local want=$1
	shift
	if [ "$1" = --bare ]; then
		shift
	else
		set -- -k $VMLINUX -i $INITRD -i /guest/initrd.modules -p "$QUIET" -m 256M "$@"
	fi
	echo "+ trapeze test $*"
	$V test "$@" >$DIR/out 2>$DIR/err <"$input"
	status=$?
	n=$((n + 1))
	[ "$status" = "$want" ] || fail "exit status $status, expected $want; $(tail -n 60 $DIR/err)"
}
expect_said() {
	n=$((n + 1))
	grep -qE -e "$1" $DIR/err || fail "standard error does not say: $1; $(tail -n 60 $DIR/err)"
}
# guest_does WHAT ARGS...: a guest that runs tests/lab/do/WHAT as its command, and whose kernel has
# nothing to complain about; what it says is looked for by expect_output and expect_no_output.
guest_does() {
	local what=$1
	shift
	# Warnings are shown, whatever "quiet" says.
	run_test 0 --timeout 120s -p loglevel=5 "$@" -- sh /do/$what
}
expect_output() {
	n=$((n + 1))
	grep -qE -e "$1" $DIR/out || fail "the command does not say: $1; $(tail -n 20 $DIR/out)"
}
expect_no_output() {
	n=$((n + 1))
	! grep -E -e "$1" $DIR/out || fail "the command says: $1"
}

#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The layers, checked over the #include lines:
#
#   base <- core <- {devices, block, fs, net, boot, char, kvm, lens} <- machine
#        <- {control, snapshot, verdict, cli, sandbox} <- main
#
# A room includes its own headers, the contracts (include/) of its own layer and below, and rooms
# below it. Rooms in braces do not include each other, nor each other's contracts, but for those
# that are named as shared here. Further rules are spelt out where they are checked. Exit status 1
# and one line per offence.
set -u
cd "$(dirname "$0")/.." || exit 1
CC=${CC:-gcc}
bad=0
offend() {
	echo "layers: $*"
	bad=$((bad + 1))
}

declare -A level=(
	[base]=0 [core]=1
	[devices]=2 [block]=2 [fs]=2 [net]=2 [boot]=2 [char]=2 [kvm]=2 [lens]=2
	[machine]=3
	[control]=4 [snapshot]=4 [verdict]=4 [cli]=4 [sandbox]=4
	[main]=5
)

# Whose each contract is. Several names: these rooms share it.
declare -A contract=()
owns() { # "ROOM ..." CONTRACT...
	local rooms=$1 c
	shift
	for c; do
		case $c in */*) ;; *) c=vmm/$c ;; esac
		contract[$c.h]=$rooms
	done
}
owns base base bits crc32c dl endian error guest_init guest_record io iov json link lock log nofile parse siphash str trace unix_name version
owns core bus device doorbell epoch guestmem irq loop power snap timer token_bucket
owns devices pci virtio/virtq virtio/virtio virtio/virtio_wire virtio/blk_wire
owns devices virtio/console_wire virtio/net_wire virtio/pmem_wire virtio/vsock_wire
owns devices virtio/vhost virtio/vhost_wire
owns 'block devices' block/blk
owns devices virtio/fs_wire
owns 'fs devices' fs/share
owns 'net devices' net/netdev net/vsock
owns boot boot guest_segment guest_modules
owns 'boot machine' board
owns 'boot kvm' cpu_entry
owns 'char devices' chardev
owns char console console_watch
owns kvm cpuid msr probe vcpu vm
owns 'kvm boot char block fs net' config # what the user wants, enums of these rooms included
owns 'machine verdict' machine verdict
owns 'lens machine cli' symbols
owns 'lens machine cli' lens lens_views trace_file
owns 'kvm lens machine' debug
owns 'lens machine cli' gdb
owns 'lens machine' inspect # its half that needs a machine's parts, and its half that does not
owns machine hints lab_device
owns 'verdict cli' test
owns cli cli options

room_of() { # PATH -> the rooms whose it is; empty: nobody's
	case $1 in
	src/main.c) echo main ;;
	src/*/*) r=${1#src/}; echo "${r%%/*}" ;;
	devices/*) echo devices ;;
	include/*) echo "${contract[${1#include/}]:-}" ;;
	esac
}
level_of() { # "ROOM ..." -> the lowest of their layers
	local r min=9
	for r in $1; do [ "${level[$r]}" -ge "$min" ] || min=${level[$r]}; done
	echo "$min"
}
share() { # "ROOM ..." "ROOM ...": do they have one in common?
	local r
	for r in $1; do case " $2 " in *" $r "*) return 0 ;; esac; done
	return 1
}

# i8254_counter is a part of i8254, and both see each other's header.
same_chip() { # FILE FILE
	local a b
	case $1:$2 in devices/pci/*:devices/pci/*) return 0 ;; esac # a bus is one device
	a=$(basename "$1") b=$(basename "$2")
	a=${a%.[ch]} b=${b%.[ch]}
	case $a in "$b" | "$b"_*) return 0 ;; esac
	case $b in "$a"_*) return 0 ;; esac
	[ "${a%_*}" = "${b%_*}" ] && [ -e "$(dirname "$1")/${a%_*}.c" ]
}

check_system_include() { # FILE ROOMS <HEADER> WHERE
	case $3 in
	'<linux/kvm.h>' | '<asm/kvm.h>' | '<linux/kvm_para.h>' | '<asm/kvm_para.h>')
		case $1 in src/kvm/*) ;; *) offend "$4, which only src/kvm may see" ;; esac
		;;
	'<sys/epoll.h>')
		[ "$2" != devices ] || offend "$4; a device has a loop, not a set of descriptors"
		;;
	esac
	case $1 in
	devices/chip/*)
		case $3 in
		'<assert.h>' | '<errno.h>' | '<inttypes.h>' | '<limits.h>' | '<stdarg.h>' | '<stdatomic.h>' | \
			'<stdbool.h>' | '<stddef.h>' | '<stdint.h>' | '<string.h>') ;;
		*) offend "$4; a chip needs no operating system" ;;
		esac
		;;
	esac
}

check_device_include() { # FILE HEADER TARGET WHERE
	case $2 in
	*vcpu.h | *machine.h | vmm/vm.h) offend "$4: a device knows wires, not CPUs or machines" ;;
	net/netdev.h) # the host's end of network cards, and of nothing else
		case $1 in devices/virtio/net*) ;; *) offend "$4: only network cards have one" ;; esac
		;;
	fs/share.h) # likewise, of file systems
		case $1 in devices/virtio/fs*) ;; *) offend "$4: only file systems have one" ;; esac
		;;
	devices/* | [!v]*) same_chip "$1" "$3" || offend "$4: another device's header" ;;
	esac
	case $1:$2 in
	devices/chip/*:vmm/loop.h | devices/chip/*:vmm/bus.h | devices/chip/*:vmm/epoch.h)
		offend "$4: a chip has registers, wires, a clock and a byte stream; it owns no thread"
		;;
	esac
}

check_include() { # FILE ROOMS "HEADER" WHERE
	local f=$1 rooms=$2 where=$4 inc target="" to t from_level to_level
	inc=${3//\"/}
	for t in "$(dirname "$f")/$inc" "include/$inc" "src/$inc" "$inc"; do
		if [ -e "$t" ]; then
			target=$t
			break
		fi
	done
	if [ -z "$target" ]; then
		offend "$where, which does not exist"
		return
	fi
	target=$(realpath --relative-to=. "$target")
	to=$(room_of "$target")
	if [ -z "$to" ]; then
		offend "$where, which is nobody's"
		return
	fi
	case $f:$target in
	include/*:include/*) ;;
	include/*) offend "$where: a contract includes no room" ;;
	esac
	from_level=$(level_of "$rooms") to_level=$(level_of "$to")
	if [ "$to_level" -gt "$from_level" ] && ! share "$rooms" "$to"; then
		offend "$where: $rooms is below $to"
	elif [ "$to_level" = "$from_level" ] && ! share "$rooms" "$to"; then
		offend "$where: $rooms and $to are neighbours that do not see each other"
	fi
	case $target in
	devices/*)
		case $rooms in machine | devices) ;; *) offend "$where: only src/machine names devices" ;; esac
		;;
	esac
	[ "$rooms" != devices ] || check_device_include "$f" "$inc" "$target" "$where"
}

files=$(find src devices include -name '*.[ch]' | LC_ALL=C sort)
for f in $files; do
	rooms=$(room_of "$f")
	if [ -z "$rooms" ]; then
		offend "$f: in no room, or nobody's contract; say whose in scripts/check-layers.sh"
		continue
	fi
	for r in $rooms; do
		if [ -z "${level[$r]:-}" ]; then
			offend "$f: the room '$r' is on no layer; add it to scripts/check-layers.sh"
			continue 2
		fi
	done
	while IFS=: read -r line inc; do
		case $inc in
		'<'*) check_system_include "$f" "$rooms" "$inc" "$f:$line: includes $inc" ;;
		'"'*) check_include "$f" "$rooms" "$inc" "$f:$line: includes $inc" ;;
		*) offend "$f:$line: includes what a macro says, which cannot be checked" ;;
		esac
	done < <(sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*\([<"][^>"]*[>"]\|.*\).*/\1/;t p;b;:p;=;p' "$f" |
		paste -d: - - )
done

# Lines of code (not of comments) in FILES that match REGEX, as FILE:LINE.
code_lines() { # REGEX FILE...
	local re=$1
	shift
	[ $# = 0 ] || grep -nHE "$re" "$@" | grep -vE '^[^:]*:[0-9]+:[[:space:]]*(/?\*|//)' | cut -d: -f1,2
}
forbid() { # WHY REGEX FILE...
	local why=$1 hit
	shift
	while IFS= read -r hit; do
		offend "$hit: $why"
	done < <(code_lines "$@")
}
call='(^|[^_>.[:alnum:]"])'

# shellcheck disable=SC2046 # no file name here holds a space
{
	forbid 'a chip owns no thread and makes no system call' \
		"$call(pthread_[a-z]+|fork|open|openat|close|read|write|ioctl|mmap|socket|poll|select|epoll_[a-z0-9]+|eventfd|timerfd_[a-z]+|clock_gettime|time|usleep|nanosleep)\(" \
		$(find devices/chip -name '*.[ch]')
	forbid 'a chip takes no file descriptor' '\bint +[a-z_]*fd *[,;)=]' $(find devices/chip -name '*.[ch]')
	# _exit() after fork() is no end of this process.
	forbid 'exit() and abort() belong in src/main.c' "$call(exit|abort|quick_exit|_Exit)\(" \
		$(find src devices include -name '*.[ch]' ! -path src/main.c)
	forbid 'gm_ptr() is for core, boot and the virtqueues' '\bgm_ptr\b' \
		$(find src devices include -name '*.[ch]' ! -path 'src/core/*' ! -path 'src/boot/*' ! -name 'virtq_*' \
			! -path include/vmm/guestmem.h)
}

# Each header compiles alone: it includes what it uses. One compiler run for all would hide it.
for h in $(find include src devices -name '*.h' | LC_ALL=C sort); do
	err=$($CC -std=gnu11 -D_GNU_SOURCE -Iinclude -Isrc -I. -Wall -Wextra -Werror -Wno-unused-function \
		-Wno-unused-const-variable -fsyntax-only -x c -include "$h" /dev/null 2>&1) ||
		offend "$h does not compile alone: $(printf '%s\n' "$err" | grep -m1 error)"
done

if [ $bad = 0 ]; then
	echo "layers: $(echo "$files" | grep -c .) files, nothing out of place"
	exit 0
fi
exit 1

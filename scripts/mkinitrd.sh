#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Makes a small initramfs: busybox, /init, and what else is asked for. The same input gives the same
# bytes. It is not compressed: a guest should not pay for unpacking two megabytes.
#
#   scripts/mkinitrd.sh OUT INIT [PATH-IN-GUEST=FILE | PATH-IN-GUEST=@LINK-TARGET]...
#   scripts/mkinitrd.sh --bare OUT PATH=FILE...      no busybox and no /init: a segment to append
set -eu

bare=false
if [ "$1" = --bare ]; then
	bare=true
	shift
fi
out=$1
shift
busybox=${BUSYBOX:-/bin/busybox}

die() {
	printf 'mkinitrd: %s\n' "$*" >&2
	exit 1
}

mkdir -p "$(dirname "$out")"
root=$(mktemp -d "$out.XXXXXX")
trap 'rm -rf "$root" "$out.tmp"' EXIT

if ! $bare; then
	[ -x "$busybox" ] || die "no '$busybox': install busybox-static (make deps)"
	# A dynamic busybox would boot to "Kernel panic: No working init found".
	if od -An -v -c -N 65536 "$busybox" | tr -d ' \n' | grep -q 'ld-linux'; then
		die "'$busybox' is dynamically linked: install busybox-static (make deps)"
	fi
	mkdir -p "$root/bin" "$root/dev" "$root/proc" "$root/sys" "$root/tmp" "$root/run" "$root/etc"
	ln -s bin "$root/sbin"
	cp "$busybox" "$root/bin/busybox"
	for a in $("$busybox" --list); do
		[ "$a" = busybox ] || ln -s busybox "$root/bin/$a"
	done
	cp "$1" "$root/init"
	chmod 755 "$root/init"
	shift
fi

for spec; do
	to=$root${spec%%=*} from=${spec#*=}
	mkdir -p "$(dirname "$to")"
	case $from in
	@*) ln -sf "${from#@}" "$to" ;;
	*) cp -pL "$from" "$to" || die "cannot copy '$from'" ;;
	esac
done

find "$root" -exec touch -h -d @0 {} +
(cd "$root" && find . -mindepth 1 | LC_ALL=C sort | cpio -o -H newc --quiet --reproducible -R 0:0) >"$out.tmp"
mv "$out.tmp" "$out"

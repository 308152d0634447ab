#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Gets Debian's stock cloud kernel, the one every test and the demo boot, without installing it:
# the package that linux-image-cloud-amd64 depends on, unpacked under BUILD/kernel.
#
#   scripts/kernel.sh [BUILD]     prints "vmlinuz=PATH", "modules=PATH", "release=R": the names
#                                 do not change with the version
#
# KERNEL_DEB=FILE takes a package already at hand. The result is cached; delete BUILD/kernel to
# fetch again.
set -eu

build=${1:-build}
dir=$build/kernel
meta=linux-image-cloud-amd64

say() { printf 'kernel: %s\n' "$*" >&2; }
die() {
	say "$*"
	exit 1
}

report() {
	r=$(cat "$dir/release")
	printf 'vmlinuz=%s\nmodules=%s\nrelease=%s\n' "$dir/vmlinuz" "$dir/modules" "$r"
}

complete() {
	[ -s "$dir/release" ] || return 1
	[ -s "$dir/vmlinuz" ] && [ -s "$dir/modules/arch/x86/kvm/kvm-amd.ko" ]
}

fetch() { # into the current directory; prints the file's name
	pkg=$(apt-cache depends "$meta" 2>/dev/null | sed -n 's/^ *Depends: *\(linux-image-[^ ]*\).*/\1/p' | head -n 1)
	[ -n "$pkg" ] || return 1
	say "downloading $pkg (apt-get download; nothing is installed)"
	apt-get -qq -o APT::Sandbox::User=root download "$pkg" >&2 || return 1
	ls "$pkg"_*.deb
}

if complete; then
	report
	exit 0
fi

command -v dpkg >/dev/null || die "this needs dpkg and apt, that is Debian or a relative; or KERNEL_DEB=FILE"
rm -rf "$dir.tmp"
mkdir -p "$dir.tmp"
trap 'rm -rf "$dir.tmp"' EXIT

if [ -n "${KERNEL_DEB:-}" ]; then
	[ -r "$KERNEL_DEB" ] || die "cannot read '$KERNEL_DEB' (KERNEL_DEB)"
	deb=$KERNEL_DEB
else
	# A list fetched weeks ago names a version the mirror has dropped: refresh once and retry.
	deb=$(cd "$dir.tmp" && fetch) || {
		if [ "$(id -u)" = 0 ] && [ "${DEPS:-}" != skip ]; then
			say "refreshing the package lists (apt-get update)"
			apt-get -qq update >&2 || die "apt-get update failed: is the network up?"
		fi
		deb=$(cd "$dir.tmp" && fetch) || die "cannot download the package behind $meta: run 'apt-get update' as root, or set KERNEL_DEB=FILE"
	}
	deb=$dir.tmp/$deb
fi

dpkg -x "$deb" "$dir.tmp/root" || die "cannot unpack '$deb'"
set -- "$dir.tmp"/root/boot/vmlinuz-*
[ -s "$1" ] || die "'$deb' holds no boot/vmlinuz-*"
rel=${1##*/vmlinuz-}
[ -s "$dir.tmp/root/lib/modules/$rel/kernel/arch/x86/kvm/kvm-amd.ko" ] ||
	die "'$deb' holds no kvm-amd.ko for $rel"
rm -f "$dir.tmp"/*.deb
printf '%s\n' "$rel" >"$dir.tmp/release"
ln -s "root/boot/vmlinuz-$rel" "$dir.tmp/vmlinuz"
ln -s "root/lib/modules/$rel/kernel" "$dir.tmp/modules"
rm -rf "$dir"
mv "$dir.tmp" "$dir"
trap - EXIT
report

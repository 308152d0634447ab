#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Makes the disks of the lab's guests, without being root (mke2fs -d):
#
#   OUT/root.raw, OUT/root.qcow2   a small ext4 root: busybox, fio, lspci, e2fsprogs and the tests
#                                  of tests/lab/disk, which its /sbin/init runs
#   OUT/store.img                  the file system that the lab host keeps disk images on, with the
#                                  two above, plain images to measure on, the tools to check them, and
#                                  gdb
#
#   scripts/mkdisk.sh OUT
#
# The programs are this machine's own, with the shared libraries they want. The same input gives the
# same files, but for what mke2fs counts in seconds.
set -eu
out=$1
cd "$(dirname "$0")/.."
die() {
	printf 'mkdisk: %s\n' "$*" >&2
	exit 1
}
PATH=$PATH:/usr/sbin:/sbin
for p in mke2fs qemu-img fio lspci e2fsck tune2fs gdb; do
	command -v "$p" >/dev/null || die "no '$p': make deps"
done
CC=${CC:-gcc}
mkdir -p "$out"
work=$(mktemp -d "$out/work.XXXXXX")
trap 'rm -rf "$work"' EXIT

libraries() { # PROGRAM: the files that ld.so would load for it
	ldd "$1" | sed -n 's/^[^/]*\(\/[^ ]*\) (0x.*/\1/p'
}
# put ROOT PROGRAM...: programs and their libraries, at the paths they have here.
put() {
	local root=$1 p lib
	shift
	for p; do
		p=$(command -v "$p")
		mkdir -p "$root/bin"
		cp -L "$p" "$root/bin/"
		for lib in $(libraries "$p"); do put_library "$root" "$lib"; done
	done
}
put_library() { # ROOT FILE
	mkdir -p "$1$(dirname "$2")"
	[ -e "$1$2" ] || cp -L "$2" "$1$2"
}

# Debian's fio is linked with the clients of network storage, 80 MiB of libraries that a guest would
# load and never call. In their place go empty ones that define what fio asks them for.
put_fio() { # ROOT
	local root=$1 fio lib so version map
	fio=$(command -v fio)
	mkdir -p "$root/bin" "$root/lib/x86_64-linux-gnu"
	cp -L "$fio" "$root/bin/fio"
	for so in $(objdump -p "$fio" | sed -n 's/^ *NEEDED *//p'); do
		lib=$(ldd "$fio" | sed -n "s|^[[:space:]]*$so => \(/[^ ]*\) .*|\1|p")
		[ -n "$lib" ] || die "fio wants '$so', which is not here"
		case $so in
		libc.so.* | libm.so.* | libz.so.* | libaio.so.* | libnuma.so.* | libpthread.so.* | libdl.so.* | librt.so.*)
			put_library "$root" "$lib"
			;;
		*)
			nm -D --defined-only "$lib" | awk '{ sub(/@.*/, "", $3); print $3 }' | LC_ALL=C sort -u >"$work/defined"
			nm -D --undefined-only "$fio" | awk '{ sub(/@.*/, "", $2); print $2 }' | LC_ALL=C sort -u >"$work/wanted"
			LC_ALL=C comm -12 "$work/defined" "$work/wanted" |
				sed 's/.*/long &(void); long &(void) { return -1; }/' >"$work/stub.c"
			# With the versions that fio names, or ld.so refuses to start it.
			for version in $(objdump -p "$fio" | awk -v so="$so:" '/required from/ { on = $3 == so; next } on && NF == 4 { print $4 }'); do
				echo "$version {"
				nm -D --undefined-only "$fio" | sed -n "s/^ *U \(.*\)@$version\$/ \1;/p"
				echo "};"
			done >"$work/stub.map"
			map=()
			[ ! -s "$work/stub.map" ] || map=("-Wl,--version-script,$work/stub.map")
			"$CC" -shared -fPIC -fno-builtin -nostdlib -O1 -w -Wl,-soname,"$so" "${map[@]}" \
				-o "$root/lib/x86_64-linux-gnu/$so" "$work/stub.c"
			;;
		esac
	done
	put_library "$root" /lib64/ld-linux-x86-64.so.2
}
# gdb, and of Python, which it does not start without, the modules that it loads.
put_gdb() { # ROOT
	local root=$1 f
	put "$root" gdb
	for f in $(LC_ALL=C gdb -nx -batch -ex 'python import sys, encodings.ascii; print("\n".join(m.__file__ for m in sys.modules.values() if getattr(m, "__file__", None)))'); do
		case $f in
		*/python3*/*.py | */share/gdb/*.py)
			mkdir -p "$root$(dirname "$f")"
			cp -L "$f" "$root$f"
			;;
		esac
	done
	mkdir -p "$root/usr/share/gdb"
	cp -rL /usr/share/gdb/syscalls "$root/usr/share/gdb/"
}
# image FILE SIZE ROOT-DIRECTORY LABEL: an ext4 file system that belongs to root.
image() {
	rm -f "$1"
	# A fixed seed and id, no reserved blocks. Lazy initialisation would write behind the guest's back.
	mke2fs -q -F -t ext4 -d "$3" -L "$4" -m 0 -U 6d0bd1a5-8a5f-4a4f-9b1c-5f6a3c1e2d01 \
		-E root_owner=0:0,hash_seed=6d0bd1a5-8a5f-4a4f-9b1c-5f6a3c1e2d02,lazy_itable_init=0,lazy_journal_init=0 \
		-b 4096 -I 256 ${5:+-J "$5"} "$1" "$2" || die "mke2fs failed for '$1'"
}

# --- the guest's root
root=$work/root
mkdir -p "$root"/{bin,dev,proc,sys,tmp,run,etc,mnt,tests,modules}
ln -s bin "$root/sbin"
cp /bin/busybox "$root/bin/busybox"
for a in $(/bin/busybox --list); do
	[ "$a" = busybox ] || ln -s busybox "$root/bin/$a"
done
rm -f "$root"/bin/{fio,lspci,e2fsck,mke2fs,tune2fs,init}
put_fio "$root"
put "$root" lspci e2fsck mke2fs
cp tests/lab/disk/init "$root/bin/init"
for t in tests/lab/disk/*; do cp "$t" "$root/tests/"; done
chmod -R u+w,go-w "$root"
chmod 755 "$root/bin/init"
image "$out/root.raw" 64M "$root" trapeze-root size=4
qemu-img convert -f raw -O qcow2 "$out/root.raw" "$out/root.qcow2"

# --- the lab host's store
store=$work/store
mkdir -p "$store/images" "$store/bench"
put "$store" qemu-img e2fsck mke2fs debugfs
put_gdb "$store"
cp "$out/root.qcow2" "$store/images/root.qcow2"
cp --sparse=always "$out/root.raw" "$store/images/root.raw"
image "$out/store.img.tmp" 768M "$store" trapeze-store size=16
mv "$out/store.img.tmp" "$out/store.img"

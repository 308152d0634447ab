#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Installs with apt what is missing for the named sets of work. Nothing missing: silent and fast.
#
#   scripts/deps.sh build|demo|lab|check|bench...
#
# As root it installs; with a terminal and sudo it asks first; otherwise it says what to install.
# DEPS=skip turns it off, DEPS=yes answers the question.
set -eu

# package:probe, where the probe is a file or a program whose absence means that it is missing.
tool=(
	gcc:gcc make:make pkg-config:pkg-config binutils:objcopy libc6-dev:/usr/include/stdio.h
)
libs=(
	libfdt-dev:/usr/include/libfdt.h zlib1g-dev:/usr/include/zlib.h
	liblz4-dev:/usr/include/lz4frame.h libzstd-dev:/usr/include/zstd.h
	liblzma-dev:/usr/include/lzma.h libjansson-dev:/usr/include/jansson.h
	liburing-dev:/usr/include/liburing.h libaio-dev:/usr/include/libaio.h
	libcapstone-dev:/usr/include/capstone/capstone.h libedit-dev:/usr/include/histedit.h
)
guest=(
	busybox-static:/bin/busybox cpio:cpio lz4:lz4 zstd:zstd xz-utils:xz ca-certificates:/usr/sbin/update-ca-certificates
)
lab=(
	qemu-system-x86:qemu-system-x86_64 seabios:/usr/share/seabios/bios-256k.bin
	fio:fio pciutils:lspci e2fsprogs:mke2fs qemu-utils:qemu-img kmod:/usr/sbin/depmod
	iperf3:iperf3 iproute2:/bin/ip passt:passt ethtool:/usr/sbin/ethtool
)
check=(
	libcmocka-dev:/usr/include/cmocka.h zsh:zsh fish:fish groff-base:groff acpica-tools:iasl device-tree-compiler:dtc
	clang:clang clang-tidy:clang-tidy clang-format:clang-format
	qemu-utils:qemu-img e2fsprogs:mke2fs passt:passt iproute2:ip libxml2-utils:xmllint perl:prove
	gdb:gdb chromium:chromium
	libclang-rt-14-dev:/usr/lib/llvm-14/lib/clang/14.0.6/lib/linux/libclang_rt.fuzzer-x86_64.a
)

[ "${DEPS:-}" != skip ] || exit 0
want=()
for set; do
	case $set in
	build) want+=("${tool[@]}" "${libs[@]}") ;;
	demo) want+=("${tool[@]}" "${libs[@]}" "${guest[@]}") ;;
	lab | bench) want+=("${tool[@]}" "${libs[@]}" "${guest[@]}" "${lab[@]}") ;;
	check) want+=("${tool[@]}" "${libs[@]}" "${guest[@]}" "${lab[@]}" "${check[@]}") ;;
	*) echo "deps: no set is called '$set' (build, demo, lab, check, bench)" >&2; exit 2 ;;
	esac
done

missing=()
for w in "${want[@]}"; do
	probe=${w#*:} pkg=${w%%:*}
	case $probe in
	/*) [ -e "$probe" ] && continue ;;
	*) command -v "$probe" >/dev/null && continue ;;
	esac
	case " ${missing[*]-} " in *" $pkg "*) ;; *) missing+=("$pkg") ;; esac
done
# The compiler's run-time library is versioned; any version will do.
if [[ " ${missing[*]-} " = *" libclang-rt-14-dev "* ]] &&
	compgen -G '/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-x86_64.a' >/dev/null; then
	missing=("${missing[@]/libclang-rt-14-dev/}")
fi
missing=(${missing[*]-})
[ ${#missing[@]} -gt 0 ] || exit 0

cmd="apt-get install --no-install-recommends ${missing[*]}"
if ! command -v apt-get >/dev/null; then
	echo "deps: missing, and this system has no apt: please install what Debian calls ${missing[*]}" >&2
	exit 1
fi
as_root=()
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null || { [ "${DEPS:-}" != yes ] && [ ! -t 0 ]; }; then
		echo "deps: missing packages; as root, please run: $cmd" >&2
		exit 1
	fi
	if [ "${DEPS:-}" != yes ]; then
		printf 'deps: this would run: sudo %s\ndeps: go ahead? [y/N] ' "$cmd" >&2
		read -r answer
		case $answer in
		y | Y | yes) ;;
		*) echo "deps: nothing was installed (DEPS=skip goes on without asking)" >&2; exit 1 ;;
		esac
	fi
	as_root=(sudo)
fi

echo "deps: installing ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
install() {
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "${missing[@]}"
}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Fresh images carry no package lists, and old lists name versions that mirrors have dropped.
if ! install >"$log" 2>&1; then
	echo "deps: refreshing the package lists" >&2
	"${as_root[@]}" apt-get -q update >"$log" 2>&1 && install >>"$log" 2>&1 || {
		cat "$log" >&2
		echo "deps: apt-get failed; above is what it said" >&2
		exit 1
	}
fi

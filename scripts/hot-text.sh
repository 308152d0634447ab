#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A linker script for the static binary: the compiler's own, with the code that runs while a guest
# does placed first and together. A page fault maps the 64 KiB around it, so code that is scattered
# among parsers and decompressors keeps all of them resident, and costs a fault a piece.
#
#   scripts/hot-text.sh CC [FLAG...]     prints the script, or nothing where the linker has none
set -eu

ours='vcpu bus loop timer epoch irq irqchip guestmem virtq virtq_split virtq_packed virtio transport
transport_pci msix blk raw file_io engine engine_uring acpi_pm debugcon i8042 i8254 i8254_counter i8259
ioapic mc146818 mc146818_date ns16550 postcode alarm keys nbio open ring sink source watch'
libc='cancellation clock_gettime close epoll_wait errno-loc futex-internal ioctl lowlevellock
memmove-avx-unaligned-erms memmove-avx512-unaligned-erms memmove-evex-unaligned-erms
memmove-sse2-unaligned-erms memset-avx2-unaligned-erms memset-avx512-unaligned-erms
memset-evex-unaligned-erms memset-sse2-unaligned-erms memchr-avx2 memchr-evex memchr-sse2 memmem
pthread_cond_broadcast pthread_cond_signal pthread_cond_wait pthread_kill pthread_mutex_lock
pthread_mutex_unlock pthread_self pthread_sigmask read recv send timerfd_settime write'

"$@" -Wl,--verbose -o /dev/null -x c /dev/null 2>/dev/null |
	awk -v ours="$ours" -v libc="$libc" '
	function place(archive, names,    n, v, i) {
		n = split(names, v)
		for (i = 1; i <= n; i++)
			print "    *" archive ":" v[i] ".o(.text .text.[!us]* .text.s[!t]*)"
	}
	/^=====/ { inside = !inside; next }
	!inside { next }
	/\*\(\.text\.unlikely/ && !done { place("libtrapeze.a", ours); place("libc.a", libc); done = 1 }
	{ print }'

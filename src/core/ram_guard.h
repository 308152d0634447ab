/* SPDX-License-Identifier: MIT */
/*
 * ram_guard.h: host pages of guest RAM that go away under us.
 *
 * A file that somebody truncates, a disk that fails under a mapping, a huge page that a cgroup
 * denies, a memory module with an uncorrectable error: the next touch is a SIGBUS. Guarded mappings
 * survive it: the lost pages are replaced by zeros on the spot, so that whoever touched them (a
 * chip, a loader, KVM on its way into the guest) goes on for the moment, and the owner is told to
 * end the run. Nothing of the guest's is trusted after that.
 */
#ifndef CORE_RAM_GUARD_H
#define CORE_RAM_GUARD_H

#include "vmm/base.h"

struct error;

enum ram_loss {
	RAM_INTACT,
	RAM_UNBACKED, /* the file or the huge page is not there (BUS_ADRERR) */
	RAM_POISONED, /* the host's memory has an uncorrectable error (BUS_MCEERR_*) */
};

#define RAM_GUARDS 16

/*
 * Guards [start, start + len), whose pages are @page_size bytes. Returns its handle, or -1 if
 * RAM_GUARDS are taken: a SIGBUS is then as deadly as without. Control thread.
 */
int ram_guard_add(void *start, uint64_t len, uint64_t page_size);
/* Before the range is unmapped; -1 is fine. Control thread. */
void ram_guard_remove(int guard);

/* @efd, an eventfd, is signalled by the first loss; -1: none. Borrowed. Control thread. */
void ram_guard_notify(int guard, int efd);

/* What has been lost so far. Any thread. */
enum ram_loss ram_guard_loss(int guard);

#endif

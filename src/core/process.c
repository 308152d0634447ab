/* SPDX-License-Identifier: MIT */
/* process.c: the memory of this process itself. */
#include "core/process.h"

#include <link.h>
#include <sys/mman.h>

#include "vmm/base.h"

/*
 * Program headers of the main program come first. A segment that nobody may write holds nothing but
 * what its file holds, so its pages can be dropped at any time and come back when touched.
 */
static int drop_segments(struct dl_phdr_info *info, size_t size, void *arg)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	(void)size;
	(void)arg;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uint64_t start = align_up(info->dlpi_addr + p->p_vaddr, page);
		uint64_t end = align_down(info->dlpi_addr + p->p_vaddr + p->p_memsz, page);

		if (p->p_type == PT_LOAD && !(p->p_flags & PF_W) && end > start)
			madvise((void *)(uintptr_t)start, end - start, MADV_DONTNEED);
	}
	return 1;
}

void process_drop_startup_pages(void)
{
	dl_iterate_phdr(drop_segments, NULL);
}

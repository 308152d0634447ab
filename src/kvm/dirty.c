/* SPDX-License-Identifier: MIT */
/* dirty.c: which pages the guest has written (KVM_MEM_LOG_DIRTY_PAGES, KVM_GET_DIRTY_LOG). */
#include <errno.h>
#include <stdlib.h>

#include "kvm/vm_internal.h"
#include "vmm/bits.h"
#include "vmm/error.h"
#include "vmm/vm.h"

#define PAGE 4096u

void vm_want_dirty_log(struct vm *vm)
{
	vm->dirty_log = true;
}

/* The log is taken while a guest waits for it: what it needs is there by then. */
int dirty_prepare(struct vm *vm, const struct guest_mem *gm, struct error **errp)
{
	unsigned cnt;
	const struct gm_region *r = gm_regions(gm, &cnt);
	uint64_t most = 0;

	for (unsigned i = 0; i < cnt; i++)
		most = max_u64(most, r[i].len);
	vm->dirty_map = calloc(most / PAGE / 64 + 1, sizeof(*vm->dirty_map));
	return vm->dirty_map ? 0 : err_errno(errp, ENOMEM, "preparing the log of pages written");
}

static bool is_set(const uint64_t *map, uint64_t page)
{
	return map[page / 64] & BIT64(page % 64);
}

/* Tells of the runs of set bits among the first @pages. Whole words of nothing are skipped. */
static void tell(const uint64_t *map, const struct gm_region *r, vm_dirty_fn *fn, void *opaque)
{
	uint64_t pages = r->len / PAGE;

	for (uint64_t i = 0; i < pages;) {
		uint64_t first = i;

		if (i % 64 == 0 && !map[i / 64]) {
			i += 64;
			continue;
		}
		while (i < pages && is_set(map, i))
			i++;
		if (i > first)
			fn(opaque, r->base + first * PAGE, i - first);
		else
			i++;
	}
}

static int take_region(struct vm *vm, const struct gm_region *r, vm_dirty_fn *fn, void *opaque)
{
	struct kvm_dirty_log log = { .slot = r->slot, .dirty_bitmap = vm->dirty_map };
	int e = kvm_ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log);

	if (e >= 0)
		tell(vm->dirty_map, r, fn, opaque);
	return e < 0 ? e : 0;
}

int vm_take_dirty_log(struct vm *vm, const struct guest_mem *gm, vm_dirty_fn *fn, void *opaque)
{
	unsigned cnt;
	const struct gm_region *r = gm_regions(gm, &cnt);

	for (unsigned i = 0; i < cnt; i++) {
		int e = r[i].readonly ? 0 : take_region(vm, &r[i], fn, opaque);

		if (e < 0)
			return e;
	}
	return 0;
}

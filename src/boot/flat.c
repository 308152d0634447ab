/* SPDX-License-Identifier: MIT */
/*
 * flat.c: files without a header: the whole file at one address, in real, protected or long mode.
 *
 * Real mode starts as from a boot sector: dl is the first fixed disk, the stack lies below the
 * image. The other two get 4 KiB of stack and a flat GDT (code 0x10, data 0x18) in the boot data
 * area.
 */
#include <errno.h>
#include <inttypes.h>

#include "boot/impl.h"
#include "vmm/error.h"

#define REAL_DEFAULT 0x7c00u
#define FLAT_DEFAULT MIB
#define REAL_END     (MIB + 0xfff0) /* the last byte a real-mode address can reach, and one more */
#define STACK_LEN    4096u
#define BIOS_DISK    0x80

static int flat_open(struct boot *b, struct error **errp)
{
	bool real = b->protocol == BOOT_REAL;

	if (!b->load_addr)
		b->load_addr = real ? REAL_DEFAULT : FLAT_DEFAULT;
	if (!b->entry)
		b->entry = b->load_addr;
	if (b->entry < b->load_addr || b->entry - b->load_addr >= b->kernel.size)
		return err_set(errp, EINVAL,
			       "entry %#" PRIx64 " is outside of the image (%#" PRIx64
			       " + %#" PRIx64 ")",
			       b->entry, b->load_addr, b->kernel.size);
	if (real && b->entry >= REAL_END)
		return err_set(errp, EINVAL, "entry %#" PRIx64 " cannot be reached in real mode",
			       b->entry);
	if (b->protocol == BOOT_FLAT32 && b->entry > UINT32_MAX)
		return err_set(errp, EINVAL, "entry %#" PRIx64 " cannot be reached in 32-bit mode",
			       b->entry);
	if (b->protocol == BOOT_FLAT64 && b->entry >= 4 * GIB)
		return err_set(errp, EINVAL,
			       "entry %#" PRIx64 " is above the first 4 GiB, which are mapped",
			       b->entry);
	return boot_kind(b, errp, "flat binary, %s at %#" PRIx64,
			 real                         ? "real mode"
			 : b->protocol == BOOT_FLAT32 ? "protected mode"
						      : "long mode",
			 b->load_addr);
}

/* cs * 16 + ip = entry, with cs 0 for the first 64 KiB. */
static void enter_real(const struct boot *b, struct cpu_entry *ret)
{
	uint32_t seg = b->entry <= 0xffff ? 0 : (uint32_t)min_u64(b->entry, 0xffff0) >> 4;

	if (seg && seg != 0xffff)
		seg &= 0xf000; /* the 64 KiB it lies in */
	*ret = (struct cpu_entry){
		.mode = CPU_REAL,
		.cs = (uint16_t)seg,
		.rip = b->entry - seg * 16u,
		.rsp = !seg && b->load_addr >= 0x1000 ? b->load_addr : 0xfffe,
		.rdx = BIOS_DISK,
	};
}

static int flat_load(struct boot *b, struct load *l, struct cpu_entry *ret, struct error **errp)
{
	struct cpu_entry e = { 0 };
	gpa_t stack = 0;
	int r;

	r = place_fixed(&l->place, b->load_addr, b->kernel.size, "the image", errp);
	if (r == 0)
		r = image_load(&b->kernel, 0, b->kernel.size, l->gm, b->load_addr, errp);
	if (r == 0 && b->protocol == BOOT_REAL) {
		enter_real(b, ret);
		return 0;
	}
	if (r == 0)
		r = place_scratch(&l->place, STACK_LEN, 4096, "the stack", &stack, errp);
	if (r == 0)
		r = gdt_flat(l, b->protocol == BOOT_FLAT64, &e, errp);
	if (r == 0 && b->protocol == BOOT_FLAT64)
		r = paging_identity(l, 4 * GIB, &e.cr3, errp);
	if (r < 0)
		return r;
	e.mode = b->protocol == BOOT_FLAT64 ? CPU_LONG64 : CPU_PROT32;
	e.rip = b->entry;
	e.rsp = stack + STACK_LEN;
	*ret = e;
	return 0;
}

const struct loader loader_flat = {
	.name = "flat",
	.open = flat_open,
	.load = flat_load,
};

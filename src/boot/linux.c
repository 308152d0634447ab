/* SPDX-License-Identifier: MIT */
/*
 * linux.c: the x86 Linux boot protocol, Documentation/arch/x86/boot.rst "64-bit Boot Protocol" and
 * "32-bit Boot Protocol"; boot_params offsets are those of Documentation/arch/x86/zero-page.rst.
 *
 * Three ways in: the vmlinux that was in a bzImage's payload (default), the bzImage's own 64-bit
 * entry, which unpacks in the guest, and for 32-bit kernels its 32-bit entry.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "boot/impl.h"
#include "vmm/board.h"
#include "vmm/endian.h"
#include "vmm/error.h"
#include "vmm/str.h"

enum {
	BP_ACPI_RSDP_ADDR = 0x070,
	BP_EXT_RAMDISK_IMAGE = 0x0c0,
	BP_EXT_RAMDISK_SIZE = 0x0c4,
	BP_EXT_CMD_LINE_PTR = 0x0c8,
	BP_E820_ENTRIES = 0x1e8,
	BP_BOOT_FLAG = 0x1fe,
	BP_VID_MODE = 0x1fa,
	BP_HEADER = 0x202,
	BP_VERSION = 0x206,
	BP_TYPE_OF_LOADER = 0x210,
	BP_LOADFLAGS = 0x211,
	BP_CODE32_START = 0x214,
	BP_RAMDISK_IMAGE = 0x218,
	BP_RAMDISK_SIZE = 0x21c,
	BP_CMD_LINE_PTR = 0x228,
	BP_INITRD_ADDR_MAX = 0x22c,
	BP_KERNEL_ALIGNMENT = 0x230,
	BP_CMDLINE_SIZE = 0x238,
	BP_SETUP_DATA = 0x250,
	BP_E820_TABLE = 0x2d0,
	BP_SIZE = 4096,
};
#define BP_E820_MAX 128u

#define HEADER_MAGIC     0x53726448u /* "HdrS" */
#define LOADER_UNDEFINED 0xff        /* boot.rst, type_of_loader: no identifier assigned */
#define LOADED_HIGH      0x01
#define VIDMODE_NORMAL   0xffff
#define SETUP_DTB        2 /* <asm/setup_data.h>; struct setup_data: next, type, len, data */
#define SETUP_DATA_HEAD  16

#define ENTRY64_OFF 0x200 /* boot.rst: 64-bit entry = load address + 0x200 */

/* A vmlinux has no setup header; these have not changed since 2.6.2x
 * (COMMAND_LINE_SIZE is 2048). */
#define VMLINUX_CMDLINE_MAX 2047u
#define VMLINUX_INITRD_MAX  0x7fffffffu
#define VMLINUX_PROTOCOL    0x20f

/* --- open ------------------------------------------------------------------------------------- */

static int read_version(struct boot *b, struct error **errp)
{
	char raw[128], text[160];
	size_t len;
	int r;

	if (!b->bz.version_str)
		return 0;
	r = image_head(&b->kernel, b->bz.version_str, raw, sizeof(raw), &len, errp);
	if (r < 0)
		return r;
	len = strnlen(raw, min_u64(len, b->bz.kernel_off - b->bz.version_str));
	b->version = strdup(str_escape(raw, len, text, sizeof(text)));
	return b->version ? 0 : err_set(errp, ENOMEM, "cannot copy the kernel's version");
}

static int bzimage_open(struct boot *b, struct error **errp)
{
	int r = boot_check_cmdline(b, b->bz.cmdline_max, errp);

	return r < 0 ? r : read_version(b, errp);
}

static int vmlinux_open(struct boot *b, struct error **errp)
{
	int r = elf_check_entry(&b->elf, errp);

	if (r == 0)
		r = boot_check_cmdline(b, VMLINUX_CMDLINE_MAX, errp);
	return r < 0 ? r : boot_kind(b, errp, "ELF64 vmlinux");
}

/* --- boot_params ------------------------------------------------------------------------------ */

static int add_device_tree(struct boot *b, struct load *l, uint8_t *bp, struct error **errp)
{
	uint8_t head[SETUP_DATA_HEAD] = { 0 };
	_cleanup_free_ uint8_t *dtb = NULL;
	size_t len = 0;
	gpa_t at;
	int r;

	r = fdt_build(l->env->board, b->cmdline, b->initrd_gpa, b->initrd_len, &dtb, &len, errp);
	if (r < 0)
		return r;
	r = place_scratch(&l->place, SETUP_DATA_HEAD + len, 16, "the device tree", &at, errp);
	if (r < 0)
		return r;
	put_le32(head + 8, SETUP_DTB);
	put_le32(head + 12, (uint32_t)len);
	r = load_write(l, at, head, sizeof(head), "the device tree", errp);
	if (r == 0)
		r = load_write(l, at + SETUP_DATA_HEAD, dtb, len, "the device tree", errp);
	put_le64(bp + BP_SETUP_DATA, at);
	return r;
}

/* A kernel without a setup header gets the one a boot loader would have passed on. */
static void header_for_vmlinux(uint8_t *bp)
{
	put_le16(bp + BP_BOOT_FLAG, 0xaa55);
	put_le32(bp + BP_HEADER, HEADER_MAGIC);
	put_le16(bp + BP_VERSION, VMLINUX_PROTOCOL);
	put_le32(bp + BP_INITRD_ADDR_MAX, VMLINUX_INITRD_MAX);
	put_le32(bp + BP_KERNEL_ALIGNMENT, 2 * MIB);
	put_le32(bp + BP_CMDLINE_SIZE, VMLINUX_CMDLINE_MAX);
}

/* Writes boot_params and what they point to; the initrd and the kernel are in place. */
static int write_boot_params(struct boot *b, struct load *l, uint64_t code32, gpa_t *ret,
			     struct error **errp)
{
	uint8_t bp[BP_SIZE] = { 0 };
	gpa_t cmdline;
	int r;

	if (b->bz.header_len)
		memcpy(bp + BZ_HEADER_OFF, b->bz.header, b->bz.header_len);
	else
		header_for_vmlinux(bp);
	bp[BP_TYPE_OF_LOADER] = LOADER_UNDEFINED;
	bp[BP_LOADFLAGS] |= LOADED_HIGH;
	put_le16(bp + BP_VID_MODE, VIDMODE_NORMAL);
	put_le32(bp + BP_CODE32_START, (uint32_t)code32);
	put_le64(bp + BP_SETUP_DATA, 0);

	r = load_cmdline(l, b->cmdline, &cmdline, errp);
	if (r < 0)
		return r;
	put_le32(bp + BP_CMD_LINE_PTR, (uint32_t)cmdline);
	put_le32(bp + BP_EXT_CMD_LINE_PTR, (uint32_t)(cmdline >> 32));
	put_le32(bp + BP_RAMDISK_IMAGE, (uint32_t)b->initrd_gpa);
	put_le32(bp + BP_EXT_RAMDISK_IMAGE, (uint32_t)(b->initrd_gpa >> 32));
	put_le32(bp + BP_RAMDISK_SIZE, (uint32_t)b->initrd_len);
	put_le32(bp + BP_EXT_RAMDISK_SIZE, (uint32_t)(b->initrd_len >> 32));
	put_le64(bp + BP_ACPI_RSDP_ADDR, l->env->acpi_rsdp);
	bp[BP_E820_ENTRIES] = (uint8_t)e820_fill(l->env->board, bp + BP_E820_TABLE, BP_E820_MAX);
	if (l->env->device_tree)
		r = add_device_tree(b, l, bp, errp);
	if (r < 0)
		return r;
	return load_scratch(l, bp, sizeof(bp), 4096, "boot_params", ret, errp);
}

/* --- entry ------------------------------------------------------------------------------------ */

/* boot.rst, 64-bit: paging on, identity maps of the kernel, boot_params and command line; rsi
 * points to boot_params; CS 0x10, DS ES SS 0x18, interrupts off. */
static int enter64(struct load *l, uint64_t rip, uint64_t kernel_end, gpa_t bp,
		   struct cpu_entry *ret, struct error **errp)
{
	uint64_t map = max_u64(kernel_end, l->env->scratch + l->env->scratch_len);
	struct cpu_entry e = { .mode = CPU_LONG64, .rip = rip, .rsi = bp };
	int r = paging_identity(l, map, &e.cr3, errp);

	if (r == 0)
		r = gdt_flat(l, true, &e, errp);
	if (r == 0)
		*ret = e;
	return r;
}

/* boot.rst, 32-bit: flat segments, paging off; esi points to boot_params; ebp, edi, ebx are 0. */
static int enter32(struct load *l, uint64_t rip, gpa_t bp, struct cpu_entry *ret,
		   struct error **errp)
{
	struct cpu_entry e = { .mode = CPU_PROT32, .rip = rip, .rsi = bp };
	int r = gdt_flat(l, false, &e, errp);

	if (r == 0)
		*ret = e;
	return r;
}

static int vmlinux_enter(struct boot *b, struct load *l, struct cpu_entry *ret, struct error **errp)
{
	uint64_t end = 0;
	gpa_t bp = 0;
	int r;

	for (unsigned i = 0; i < b->elf.load_cnt; i++)
		end = max_u64(end, b->elf.load[i].paddr + b->elf.load[i].memsz);
	r = write_boot_params(b, l, b->elf.entry, &bp, errp);
	return r < 0 ? r : enter64(l, b->elf.entry, end, bp, ret, errp);
}

static int vmlinux_load(struct boot *b, struct load *l, struct cpu_entry *ret, struct error **errp)
{
	int r = elf_place(&b->elf, &l->place, errp);

	if (r == 0)
		r = elf_load(&b->elf, &b->kernel, l->gm, errp);
	/* x86-64 Linux has mapped an initrd anywhere since 3.8. */
	if (r == 0)
		r = load_initrd(b, l, (uint64_t)VMLINUX_INITRD_MAX + 1, true, errp);
	return r < 0 ? r : vmlinux_enter(b, l, ret, errp);
}

/* Where the kernel is to run: pref_address if that is free, else the next aligned place above,
 * which is as far down as a relocatable kernel goes (boot.rst, init_size: runtime start address).
 */
static int place_bzimage(const struct bzimage *bz, struct place *p, gpa_t *ret, struct error **errp)
{
	if (place_is_free(p, bz->load_addr, bz->init_size) || !bz->align) {
		*ret = bz->load_addr;
		return place_fixed(p, bz->load_addr, bz->init_size, "the kernel (init_size)", errp);
	}
	if (place_low(p, bz->init_size, bz->align, bz->load_addr, 4 * GIB, "the kernel", ret))
		return 0;
	return err_set(errp, ENOMEM,
		       "init_size: the kernel needs %" PRIu64 " KiB of guest RAM from %#" PRIx64
		       " on, the biggest free piece there has %" PRIu64 " KiB",
		       bz->init_size / KIB, bz->load_addr,
		       place_biggest(p, bz->load_addr, 4 * GIB) / KIB);
}

static int bzimage_load(struct boot *b, struct load *l, struct cpu_entry *ret, struct error **errp)
{
	const struct bzimage *bz = &b->bz;
	gpa_t at = 0, bp = 0;
	int r;

	if (b->format != UNPACK_NONE) {
		r = payload_load(b, l, errp);
		if (r == 0)
			r = load_initrd(b, l, bz->initrd_end, bz->above_4g, errp);
		return r < 0 ? r : vmlinux_enter(b, l, ret, errp);
	}
	r = place_bzimage(bz, &l->place, &at, errp);
	if (r == 0)
		r = image_load(&b->kernel, bz->kernel_off, bz->kernel_len, l->gm, at, errp);
	if (r == 0)
		r = load_initrd(b, l, bz->initrd_end, bz->above_4g, errp);
	if (r == 0)
		r = write_boot_params(b, l, at, &bp, errp);
	if (r < 0)
		return r;
	return bz->entry64 ? enter64(l, at + ENTRY64_OFF, at + bz->init_size, bp, ret, errp)
			   : enter32(l, at, bp, ret, errp);
}

const struct loader loader_bzimage = {
	.name = "linux",
	.open = bzimage_open,
	.load = bzimage_load,
	.initrd = true,
};

const struct loader loader_vmlinux = {
	.name = "linux",
	.open = vmlinux_open,
	.load = vmlinux_load,
	.initrd = true,
};

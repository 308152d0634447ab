/* SPDX-License-Identifier: MIT */
/* boot.c: finds out what a kernel file is and hands it to the loader for that. */
#include "vmm/boot.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "boot/impl.h"
#include "vmm/board.h"
#include "vmm/error.h"
#include "vmm/log.h"
#include "vmm/str.h"

/* --- helpers of the loaders ------------------------------------------------------------------- */

int boot_kind(struct boot *b, struct error **errp, const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		return err_set(errp, ENOMEM, "cannot describe the kernel");
	free(b->kind);
	b->kind = s;
	return 0;
}

int boot_check_cmdline(struct boot *b, uint64_t limit, struct error **errp)
{
	size_t len = strlen(b->cmdline);

	b->cmdline_max = limit;
	if (len <= limit)
		return 0;
	return err_set(errp, E2BIG,
		       "the command line has %zu characters, this kernel takes at most %" PRIu64,
		       len, limit);
}

int load_write(struct load *l, gpa_t gpa, const void *src, size_t len, const char *what,
	       struct error **errp)
{
	if (gm_write(l->gm, gpa, src, len))
		return 0;
	return err_set(errp, EFAULT, "%s: guest memory %#" PRIx64 " + %#zx is not all RAM", what,
		       gpa, len);
}

int load_scratch(struct load *l, const void *src, size_t len, uint64_t align, const char *what,
		 gpa_t *ret, struct error **errp)
{
	gpa_t at;
	int r = place_scratch(&l->place, len, align, what, &at, errp);

	if (r == 0)
		r = load_write(l, at, src, len, what, errp);
	if (r == 0)
		*ret = at;
	return r;
}

int load_cmdline(struct load *l, const char *cmdline, gpa_t *ret, struct error **errp)
{
	return load_scratch(l, cmdline, strlen(cmdline) + 1, 16, "the command line", ret, errp);
}

/* --- what is it? ------------------------------------------------------------------------------ */

struct head {
	uint8_t p[MB_HEAD];
	size_t len;
};

/* The ELF headers, read once however many ask for them. */
static int parse_elf(struct boot *b, struct error **errp)
{
	return b->elf.load_cnt ? 0 : elf_parse(&b->kernel, &b->elf, errp);
}

/* 64-bit: Linux, PVH, multiboot. */
static int open_elf64_auto(struct boot *b, const struct head *h, struct error **errp)
{
	int r = parse_elf(b, errp);

	if (r == 0)
		r = elf_read_notes(&b->elf, &b->kernel, &b->notes, errp);
	if (r < 0)
		return r;
	if (elf_is_linux(&b->elf, &b->kernel, &b->notes))
		b->protocol = BOOT_LINUX;
	else if (b->notes.pvh)
		b->protocol = BOOT_PVH;
	else if (multiboot_find(h->p, h->len, &b->mb) == 0)
		b->protocol = BOOT_MULTIBOOT;
	else
		return sniff_refuse(&b->kernel, h->p, h->len, errp);
	return 0;
}

/* 32-bit: multiboot, PVH. With the kludge the header's addresses count,
 * whatever the ELF file says. */
static int open_elf32_auto(struct boot *b, const struct head *h, struct error **errp)
{
	bool mb = multiboot_find(h->p, h->len, &b->mb) == 0;
	int r = mb && b->mb.kludge ? 0 : parse_elf(b, errp);

	if (r == 0 && !mb)
		r = elf_read_notes(&b->elf, &b->kernel, &b->notes, errp);
	if (r < 0)
		return r;
	if (!mb && !b->notes.pvh)
		return sniff_refuse(&b->kernel, h->p, h->len, errp);
	b->protocol = mb ? BOOT_MULTIBOOT : BOOT_PVH;
	return 0;
}

static bool is_elf32(const struct head *h)
{
	return h->len > EI_CLASS && h->p[EI_CLASS] == ELFCLASS32;
}

static int identify(struct boot *b, const struct head *h, struct error **errp)
{
	if (bzimage_magic(h->p, h->len))
		b->protocol = BOOT_LINUX;
	else if (elf_magic(h->p, h->len))
		return is_elf32(h) ? open_elf32_auto(b, h, errp) : open_elf64_auto(b, h, errp);
	else if (multiboot_find(h->p, h->len, &b->mb) == 0)
		b->protocol = BOOT_MULTIBOOT;
	else
		return sniff_refuse(&b->kernel, h->p, h->len, errp);
	return 0;
}

/* --- one opener per protocol: parses the file, picks the loader ------------------------------- */

static int open_linux(struct boot *b, const struct head *h, struct error **errp)
{
	if (bzimage_magic(h->p, h->len)) {
		b->loader = &loader_bzimage;
		return bzimage_parse(h->p, h->len, b->kernel.size, &b->bz, errp);
	}
	b->loader = &loader_vmlinux;
	if (!elf_magic(h->p, h->len))
		return sniff_refuse(&b->kernel, h->p, h->len, errp);
	return parse_elf(b, errp);
}

static int open_pvh(struct boot *b, const struct head *h, struct error **errp)
{
	int r;

	b->loader = &loader_pvh;
	if (bzimage_magic(h->p, h->len))
		return err_set(errp, ENOTSUP,
			       "is a bzImage; the PVH entry is in the vmlinux it was made from");
	if (!elf_magic(h->p, h->len))
		return sniff_refuse(&b->kernel, h->p, h->len, errp);
	r = parse_elf(b, errp);
	return r < 0 ? r : elf_read_notes(&b->elf, &b->kernel, &b->notes, errp);
}

static int open_multiboot(struct boot *b, const struct head *h, struct error **errp)
{
	int r;

	b->loader = &loader_multiboot;
	if (multiboot_find(h->p, h->len, &b->mb) < 0)
		return err_set(errp, ENOEXEC,
			       "has no multiboot header in its first %d bytes (magic 0x1badb002 "
			       "and a checksum that fits)",
			       MB_HEAD);
	r = multiboot_check(&b->mb, elf_magic(h->p, h->len), b->kernel.size, errp);
	if (r == 0 && !b->mb.kludge)
		r = parse_elf(b, errp);
	return r;
}

static int open_flat(struct boot *b, const struct head *h, struct error **errp)
{
	(void)h;
	(void)errp;
	b->loader = &loader_flat;
	return 0;
}

static int (*const openers[])(struct boot *b, const struct head *h, struct error **errp) = {
	[BOOT_LINUX] = open_linux, [BOOT_PVH] = open_pvh,     [BOOT_MULTIBOOT] = open_multiboot,
	[BOOT_REAL] = open_flat,   [BOOT_FLAT32] = open_flat, [BOOT_FLAT64] = open_flat,
};

/* --- open ------------------------------------------------------------------------------------- */

static int open_kernel(struct boot *b, struct error **errp)
{
	struct head h;
	int r = image_open(b->path, KERNEL_MAX, &b->kernel, errp);

	if (r == 0)
		r = image_head(&b->kernel, 0, h.p, sizeof(h.p), &h.len, errp);
	if (r == 0 && b->protocol == BOOT_AUTO)
		r = identify(b, &h, errp);
	if (r == 0)
		r = openers[b->protocol](b, &h, errp);
	return r;
}

static int open_initrds(struct boot *b, const struct boot_config *c, struct error **errp)
{
	if (!c->initrd_cnt && !c->segment)
		return 0;
	if (!b->loader->initrd)
		return err_set(errp, EINVAL, "a flat binary takes no initrd");
	if (c->segment && b->loader->modules)
		return err_set(errp, EINVAL, "%s is for Linux, not for a multiboot kernel",
			       c->segment->name);
	return initrd_open(&b->initrds, c, b->loader->modules, b->loader->modules ? 4096 : 4, errp);
}

static int open_payload(struct boot *b, const struct boot_config *c, struct error **errp)
{
	const char *name;

	if (b->loader != &loader_bzimage)
		return 0;
	payload_open(b, c->cache_dir, &name);
	if (b->unpack && b->format == UNPACK_NONE && b->bz.entry64)
		log_msg(LOG_INFO, "boot", "the guest unpacks its kernel itself: %s payload",
			name ? name : "unknown");
	return boot_kind(b, errp, "bzImage%s, protocol %u.%02u, %s payload",
			 b->bz.entry64 ? "" : " (32-bit)", b->bz.version >> 8, b->bz.version & 0xff,
			 name ? name : "unknown");
}

static int open_all(struct boot *b, const struct boot_config *c, struct error **errp)
{
	int r = open_kernel(b, errp);

	if (r == 0)
		r = b->loader->open(b, errp);
	if (r == 0)
		r = open_payload(b, c, errp);
	if (r < 0)
		err_wrap(errp, "kernel '%s'", b->path);
	return r == 0 ? open_initrds(b, c, errp) : r;
}

int boot_open(const struct boot_config *c, struct boot **ret, struct error **errp)
{
	struct boot *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return err_set(errp, ENOMEM, "cannot allocate the boot state");
	b->kernel.fd = -1;
	b->vmlinux.fd = -1;
	b->cache.dir = -1;
	b->protocol = c->protocol;
	b->unpack = c->unpack;
	b->load_addr = c->load_addr;
	b->entry = c->entry;
	b->path = strdup(c->kernel);
	b->cmdline = strdup(c->cmdline ? c->cmdline : "");
	if (!b->path || !b->cmdline)
		r = err_set(errp, ENOMEM, "cannot copy the boot configuration");
	else
		r = open_all(b, c, errp);
	if (r < 0) {
		boot_close(b);
		return r;
	}
	*ret = b;
	return 0;
}

struct boot *boot_close(struct boot *b)
{
	if (!b)
		return NULL;
	initrd_close(&b->initrds);
	image_close(&b->kernel);
	image_close(&b->vmlinux);
	cache_close(&b->cache);
	free(b->path);
	free(b->cmdline);
	free(b->kind);
	free(b->version);
	free(b);
	return NULL;
}

int boot_set_cmdline(struct boot *b, const char *cmdline, struct error **errp)
{
	char *copy = strdup(cmdline);

	if (!copy)
		return err_set(errp, ENOMEM, "cannot copy the command line");
	free(b->cmdline);
	b->cmdline = copy;
	return boot_check_cmdline(b, b->cmdline_max, errp);
}

struct boot_info boot_info(const struct boot *b)
{
	return (struct boot_info){
		.protocol = b->protocol,
		.kind = b->kind,
		.version = b->version,
		.linux_kernel = b->protocol == BOOT_LINUX || b->notes.linux_mark,
		.unpacked = b->format != UNPACK_NONE,
		.from_cache = b->from_cache,
	};
}

/* --- load ------------------------------------------------------------------------------------- */

int boot_load(struct boot *b, struct guest_mem *gm, const struct boot_env *env,
	      struct cpu_entry *ret, struct error **errp)
{
	struct boot_env own = *env;
	struct load l = { .env = &own, .gm = gm };
	int r;

	/* A real-mode image gets nothing in the boot data area, and may want to lie there. */
	if (b->protocol == BOOT_REAL)
		own.scratch_len = 0;
	b->initrd_gpa = 0;
	b->initrd_len = 0;
	r = place_init(&l.place, &own, errp);
	if (r == 0)
		r = b->loader->load(b, &l, ret, errp);
	if (r < 0)
		err_wrap(errp, "cannot load kernel '%s'", b->path);
	return r;
}

void boot_initrd_range(const struct boot *b, gpa_t *gpa, uint64_t *len)
{
	*gpa = b->initrd_gpa;
	*len = b->initrd_len;
}

/* The lowest address a kernel's half begins at: 2 GiB, where 32-bit ones may. */
#define UPPER_HALF UINT64_C(0x80000000)

bool boot_linked_at(const struct boot *b, uint64_t linear, gpa_t *ret)
{
	for (unsigned i = 0; i < b->elf.load_cnt; i++) {
		const struct elf_seg *s = &b->elf.load[i];

		if (s->vaddr < UPPER_HALF || linear < s->vaddr || linear - s->vaddr >= s->memsz)
			continue;
		*ret = s->paddr + (linear - s->vaddr);
		return true;
	}
	return false;
}

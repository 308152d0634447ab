/* SPDX-License-Identifier: MIT */
/*
 * payload.c: the vmlinux inside a bzImage, loaded without the guest having to unpack it.
 *
 * What the decompressor puts out goes straight to its place in guest RAM. A cache, if there is one,
 * is filled apart from that by boot_fill_cache(), when the guest runs and nobody waits: hashing and
 * writing an entry costs as much as unpacking it. Later guests read the entry. The relocation table
 * that follows the ELF file in the payload is not used: the kernel runs where it is linked, as it
 * would with nokaslr.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#include "boot/impl.h"
#include "vmm/error.h"
#include "vmm/log.h"

#define OUT_SLACK (16 * MIB) /* relocations and what else a build appends */

/* True if the entry is what its name says as far as can be seen; else it is dropped. */
static bool cached_is_sane(struct boot *b)
{
	struct elf e;

	if (elf_parse(&b->vmlinux, &e, NULL) == 0 && elf_check_entry(&e, NULL) == 0)
		return true;
	log_msg(LOG_DBG, "boot", "the cache's entry for this kernel is damaged, unpacking again");
	cache_drop(&b->cache, &b->key);
	image_close(&b->vmlinux);
	b->from_cache = false;
	return false;
}

/* An entry for a file that is known by its identity; what is not known is not hashed now. */
static void find_cached(struct boot *b)
{
	b->from_cache = b->cache.dir >= 0 &&
			cache_known_key(&b->cache, &b->kernel, b->bz.payload_off, b->bz.payload_len,
					&b->key) &&
			cache_get(&b->cache, &b->key, &b->vmlinux) && cached_is_sane(b);
}

void payload_open(struct boot *b, const char *cache_dir, const char **name)
{
	uint8_t magic[8];

	*name = NULL;
	if (!b->bz.payload_len || b->bz.payload_len < sizeof(magic) ||
	    image_read(&b->kernel, b->bz.payload_off, magic, sizeof(magic), NULL) < 0)
		return;
	b->format = unpack_detect(magic, sizeof(magic), name);
	if (!b->unpack || !b->bz.entry64)
		b->format = UNPACK_NONE;
	if (b->format == UNPACK_NONE || !cache_dir)
		return;
	cache_open(&b->cache, cache_dir);
	find_cached(b);
}

/* --- from the cache --------------------------------------------------------------------------- */

static int load_cached(struct boot *b, struct load *l, struct error **errp)
{
	int r = elf_parse(&b->vmlinux, &b->elf, errp);

	if (r == 0)
		r = elf_check_entry(&b->elf, errp);
	if (r == 0)
		r = elf_place(&b->elf, &l->place, errp);
	if (r == 0)
		r = elf_load(&b->elf, &b->vmlinux, l->gm, errp);
	return r;
}

/* --- by unpacking ----------------------------------------------------------------------------- */

struct scatter {
	struct unpack_sink sink;
	struct boot *b;
	struct load *l;
	uint64_t max; /* bytes that may come */
	uint64_t at;  /* bytes that came */
};

/* The first piece holds the ELF header and the program headers. */
static int scatter_begin(struct scatter *s, const uint8_t *p, size_t len, struct error **errp)
{
	struct elf *e = &s->b->elf;
	uint64_t table;
	int r;

	if (!elf_magic(p, len))
		return err_set(errp, ENOEXEC, "payload: is no ELF file when unpacked");
	r = elf_header(p, len, s->max, e, errp);
	if (r < 0)
		return r;
	table = (uint64_t)e->phnum * e->phentsize;
	if (e->phoff > len || table > len - e->phoff)
		return err_set(errp, ENOEXEC,
			       "payload: e_phoff %#" PRIx64 " is too far from the start", e->phoff);
	r = elf_segments(e, p + e->phoff, s->max, errp);
	if (r == 0)
		r = elf_check_entry(e, errp);
	if (r == 0)
		r = elf_place(e, &s->l->place, errp);
	return r;
}

/* The parts of file range [at, at + len) that belong to segments. */
static int scatter_copy(struct scatter *s, const uint8_t *p, size_t len, struct error **errp)
{
	const struct elf *e = &s->b->elf;

	for (unsigned i = 0; i < e->load_cnt; i++) {
		const struct elf_seg *g = &e->load[i];
		uint64_t lo = max_u64(g->off, s->at);
		uint64_t hi = min_u64(g->off + g->filesz, s->at + len);
		int r;

		if (lo >= hi)
			continue;
		r = load_write(s->l, g->paddr + (lo - g->off), p + (lo - s->at), hi - lo, g->what,
			       errp);
		if (r < 0)
			return r;
	}
	return 0;
}

static int scatter_put(struct unpack_sink *sink, const uint8_t *p, size_t len, struct error **errp)
{
	struct scatter *s = container_of(sink, struct scatter, sink);
	int r = s->at ? 0 : scatter_begin(s, p, len, errp);

	if (r == 0)
		r = scatter_copy(s, p, len, errp);
	s->at += len;
	return r;
}

static int check_complete(const struct scatter *s, struct error **errp)
{
	const struct elf *e = &s->b->elf;

	for (unsigned i = 0; i < e->load_cnt; i++)
		if (e->load[i].off + e->load[i].filesz > s->at)
			return err_set(errp, ENOEXEC,
				       "payload: ends after %" PRIu64 " bytes, inside %s", s->at,
				       e->load[i].what);
	return 0;
}

static int load_unpacking(struct boot *b, struct load *l, struct error **errp)
{
	struct scatter s = {
		.sink.put = scatter_put,
		.b = b,
		.l = l,
		.max = b->bz.init_size + OUT_SLACK,
	};
	int r = unpack(&b->kernel, b->bz.payload_off, b->bz.payload_len, b->format, s.max, &s.sink,
		       errp);

	return r < 0 ? r : check_complete(&s, errp);
}

int payload_load(struct boot *b, struct load *l, struct error **errp)
{
	if (b->vmlinux.fd < 0)
		find_cached(b); /* since the last boot, somebody may have filled it */
	if (b->vmlinux.fd >= 0 && cached_is_sane(b))
		return load_cached(b, l, errp);
	return load_unpacking(b, l, errp);
}

/* --- filling the cache ------------------------------------------------------------------------ */

struct filler {
	struct unpack_sink sink;
	struct cache_writer entry;
	const _Atomic bool *stop;
};

static int filler_put(struct unpack_sink *sink, const uint8_t *p, size_t len, struct error **errp)
{
	struct filler *f = container_of(sink, struct filler, sink);

	if (f->stop && atomic_load(f->stop))
		return err_set(errp, ECANCELED, "not needed any more");
	cache_put(&f->entry, p, len);
	return 0;
}

bool boot_wants_cache(const struct boot *b)
{
	return b->format != UNPACK_NONE && b->cache.dir >= 0 && !b->from_cache;
}

/* Only reads @b: boot_load() may run meanwhile. */
void boot_fill_cache(const struct boot *b, const _Atomic bool *stop)
{
	struct filler f = { .sink.put = filler_put, .entry.fd = -1, .stop = stop };
	struct cache cache = b->cache;
	struct image entry = { .fd = -1 };
	struct siphash_tag key;

	if (!boot_wants_cache(b) ||
	    !cache_key(&cache, &b->kernel, b->bz.payload_off, b->bz.payload_len, &key))
		return;
	if (!cache_get(&cache, &key, &entry)) {
		cache_begin(&f.entry, &cache, &key);
		if (unpack(&b->kernel, b->bz.payload_off, b->bz.payload_len, b->format,
			   b->bz.init_size + OUT_SLACK, &f.sink, NULL) == 0)
			cache_commit(&f.entry, &entry);
		cache_abort(&f.entry);
	}
	image_close(&entry);
}

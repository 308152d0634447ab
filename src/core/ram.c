/* SPDX-License-Identifier: MIT */
/*
 * ram.c: where guest RAM comes from: anonymous memory, a memfd or a file, in small, transparent
 * huge or hugetlbfs pages.
 *
 * Whatever can fail for lack of memory fails here with a sentence, not later with a SIGBUS:
 * hugetlbfs pages are reserved by the mapping, file space by fallocate(). Plain anonymous memory is
 * overcommitted on purpose (MAP_NORESERVE), as guests rarely touch all of theirs; prefault is the
 * answer for who wants a promise. What others do to a file later, ram_guard.c lives through.
 */
#include "core/ram.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/memfd.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "core/ram_guard.h"
#include "vmm/error.h"
#include "vmm/parse.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define THP_SIZE (2 * MIB)

static const struct {
	uint64_t size;
	int map_flags;
	unsigned memfd_flags;
	const char *name;
} pages[] = {
	[RAM_PAGES_SMALL] = { 4 * KIB, 0, 0, "4K" },
	[RAM_PAGES_THP] = { 4 * KIB, 0, 0, "4K" },
	[RAM_PAGES_2M] = { 2 * MIB, MAP_HUGETLB | (21 << MAP_HUGE_SHIFT),
			   MFD_HUGETLB | MFD_HUGE_2MB, "2M" },
	[RAM_PAGES_1G] = { GIB, MAP_HUGETLB | (30 << MAP_HUGE_SHIFT), MFD_HUGETLB | MFD_HUGE_1GB,
			   "1G" },
};

static bool is_hugetlb(const struct ram_config *c)
{
	return c->pages == RAM_PAGES_2M || c->pages == RAM_PAGES_1G;
}

static int no_memory(const struct ram *ram, int code, struct error **errp)
{
	char size[24];

	format_size(ram->len, size, sizeof(size));
	err_errno(errp, code, "cannot allocate %s of guest memory", size);
	if (is_hugetlb(&ram->config))
		err_hint(errp,
			 "reserve %llu free %s huge pages (see /sys/kernel/mm/hugepages/), or use "
			 "--hugepages thp",
			 (unsigned long long)(ram->len / ram->page_size),
			 pages[ram->config.pages].name);
	else
		err_hint(errp,
			 "ask for less with -m, or raise the address-space limit (ulimit -v)");
	return -code;
}

/* --- descriptors ------------------------------------------------------------------------------ */

static int open_path(const char *path, struct error **errp)
{
	struct stat st;
	int fd;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		fd = open(path, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
		if (fd < 0 && errno == EOPNOTSUPP) { /* hugetlbfs */
			char *tmpl;

			if (asprintf(&tmpl, "%s/trapeze-ram-XXXXXX", path) < 0)
				return err_set(errp, ENOMEM, "cannot name a RAM file in '%s'",
					       path);
			fd = mkostemp(tmpl, O_CLOEXEC);
			if (fd >= 0)
				unlink(tmpl);
			free(tmpl);
		}
	} else {
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	}
	if (fd < 0)
		return err_errno(errp, errno, "cannot open guest memory file '%s'", path);
	if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode)) {
		close(fd);
		return err_set(errp, EINVAL, "guest memory file '%s' is not a regular file", path);
	}
	return fd;
}

/* A file may be longer than the guest's memory, and keeps what is behind it. */
static int size_file(struct ram *ram, int fd, const char *path, struct error **errp)
{
	struct statfs fs;
	struct stat st;
	int r;

	if (fstatfs(fd, &fs) == 0 && fs.f_type == HUGETLBFS_MAGIC) {
		ram->page_size = (uint64_t)fs.f_bsize;
		if (ram->len % ram->page_size)
			return err_set(errp, EINVAL,
				       "guest memory is not a multiple of the page size of '%s'",
				       path);
	}
	if (fstat(fd, &st) < 0 ||
	    (st.st_size < (off_t)ram->len && ftruncate(fd, (off_t)ram->len) < 0))
		return err_errno(errp, errno, "cannot grow guest memory file '%s'", path);
	ram->stale = st.st_size > 0;
	/* EOPNOTSUPP: a file system that cannot promise space; nothing to do about it. */
	do {
		r = fallocate(fd, 0, 0, (off_t)ram->len);
	} while (r < 0 && errno == EINTR);
	if (r < 0 && errno != EOPNOTSUPP) {
		r = err_errno(errp, errno, "cannot reserve space for guest memory file '%s'", path);
		err_hint(errp, "free space on that file system, or ask for less with -m");
		return r;
	}
	return 0;
}

static int open_memfd(struct ram *ram, struct error **errp)
{
	int fd = memfd_create("trapeze-ram", MFD_CLOEXEC | pages[ram->config.pages].memfd_flags);

	if (fd < 0 || ftruncate(fd, (off_t)ram->len) < 0) {
		int code = errno;

		if (fd >= 0)
			close(fd);
		return no_memory(ram, code, errp);
	}
	return fd;
}

/* --- mapping ---------------------------------------------------------------------------------- */

/*
 * The mapping starts on a 2 MiB border (1 GiB for such pages), so that a huge page of the guest can
 * be one of the host. hugetlbfs aligns by itself; for the rest a larger hole is reserved and its
 * ends are given back.
 */
static int map_aligned(struct ram *ram, int fd, struct error **errp)
{
	bool huge = ram->page_size > 4 * KIB;
	int flags = fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
	uint64_t slack = huge ? 0 : THP_SIZE;
	uint8_t *hole = NULL, *want = NULL, *p;

	if (fd < 0)
		flags |= pages[ram->config.pages].map_flags;
	if (!huge) {
		flags |= MAP_NORESERVE | MAP_FIXED;
		hole = mmap(NULL, ram->len + slack, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (hole == MAP_FAILED)
			return no_memory(ram, errno, errp);
		want = (uint8_t *)align_up((uintptr_t)hole, THP_SIZE);
	}
	p = mmap(want, ram->len, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (p == MAP_FAILED) {
		int code = errno;

		if (hole)
			munmap(hole, ram->len + slack);
		return no_memory(ram, code, errp);
	}
	if (hole && p > hole)
		munmap(hole, (size_t)(p - hole));
	if (hole && hole + slack > p)
		munmap(p + ram->len, (size_t)(hole + slack - p));
	ram->hva = p;
	return 0;
}

struct populate_job {
	pthread_t thread;
	uint8_t *start;
	uint64_t len;
	int err;
};

static void *populate_main(void *arg)
{
	struct populate_job *j = arg;

	while (madvise(j->start, j->len, MADV_POPULATE_WRITE) < 0) {
		if (errno == EINTR || errno == EAGAIN)
			continue;
		j->err = errno;
		break;
	}
	return NULL;
}

/* Touches all of RAM, split among threads: faulting is bound by zeroing,
 * which scales with cores. */
static int populate(struct ram *ram, struct error **errp)
{
	struct populate_job job[8] = { 0 };
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned cnt = ram->config.prefault_threads;
	uint64_t unit = max_u64(ram->page_size, THP_SIZE), chunk;
	int err = 0;

	if (!cnt)
		cnt = cpus > 0 ? (unsigned)cpus : 1;
	cnt = (unsigned)min_u64(cnt, ARRAY_LEN(job));
	chunk = align_up((ram->len + cnt - 1) / cnt, unit);
	for (unsigned i = 0; i < cnt && i * chunk < ram->len; i++) {
		job[i].start = ram->hva + i * chunk;
		job[i].len = min_u64(chunk, ram->len - i * chunk);
		if (pthread_create(&job[i].thread, NULL, populate_main, &job[i])) {
			populate_main(&job[i]); /* no thread to be had: do it here */
			job[i].thread = 0;
		}
	}
	for (unsigned i = 0; i < cnt; i++) {
		if (job[i].thread)
			pthread_join(job[i].thread, NULL);
		if (job[i].err)
			err = job[i].err;
	}
	return err ? no_memory(ram, err, errp) : 0;
}

/*
 * All but the first page: a huge page that would have to begin there cannot, so the first 2 MiB
 * stay small. They hold the VGA hole, where no guest mapping can be huge, and little else; zeroing
 * all of them would be felt at every start.
 */
static void advise_huge(struct ram *ram)
{
	if (ram->len > THP_SIZE)
		madvise(ram->hva + 4 * KIB, ram->len - 4 * KIB, MADV_HUGEPAGE);
}

/* Advice is advice: only what the user asked for by name may fail. */
static int advise(struct ram *ram, struct error **errp)
{
	madvise(ram->hva, ram->len, MADV_DONTDUMP);
	if (ram->config.pages == RAM_PAGES_THP)
		advise_huge(ram);
	else if (ram->config.pages == RAM_PAGES_SMALL)
		madvise(ram->hva, ram->len, MADV_NOHUGEPAGE);
	if (ram->config.mergeable && madvise(ram->hva, ram->len, MADV_MERGEABLE) < 0) {
		int r = err_errno(errp, errno, "cannot offer guest memory for merging (KSM)");

		err_hint(errp, "the host kernel needs CONFIG_KSM; drop --mergeable");
		return r;
	}
	return 0;
}

static int open_backing(struct ram *ram, const char *path, struct error **errp)
{
	int fd, r;

	switch (ram->config.backing) {
	case RAM_MEMFD:
		return open_memfd(ram, errp);
	case RAM_FILE:
		fd = open_path(path, errp);
		r = fd < 0 ? fd : size_file(ram, fd, path, errp);
		if (r < 0 && fd >= 0)
			close(fd);
		return r < 0 ? r : fd;
	default:
		return -1;
	}
}

int ram_map(struct ram *ram, const struct ram_config *c, struct error **errp)
{
	int r;

	*ram = (struct ram){ .len = c->size,
			     .page_size = pages[c->pages].size,
			     .config = *c,
			     .fd = -1,
			     .guard = -1 };
	ram->config.path = NULL;
	if (c->size % ram->page_size)
		return err_set(errp, EINVAL, "guest memory is not a multiple of the %s page size",
			       pages[c->pages].name);
	if (c->mergeable && c->backing != RAM_ANON)
		return err_set(errp, EINVAL, "only anonymous guest memory can be merged (KSM)");
	if (c->backing != RAM_ANON) {
		ram->fd = open_backing(ram, c->path, errp);
		if (ram->fd < 0)
			return ram->fd;
	}
	r = map_aligned(ram, ram->fd, errp);
	if (r >= 0)
		r = advise(ram, errp);
	if (r >= 0) {
		ram->guard = ram_guard_add(ram->hva, ram->len, ram->page_size);
		if (ram->stale)
			r = ram_clear(ram, errp);
		else if (c->prefault)
			r = populate(ram, errp);
	}
	if (r < 0)
		ram_unmap(ram);
	return r;
}

void ram_unmap(struct ram *ram)
{
	ram_guard_remove(ram->guard);
	if (ram->hva)
		munmap(ram->hva, ram->len);
	if (ram->fd >= 0)
		close(ram->fd);
	*ram = (struct ram){ .fd = -1, .guard = -1 };
}

/* "guest memory", and the name of what it is in if that has one. */
static void describe(const struct ram *ram, char *buf, size_t len)
{
	char link[32], path[256];
	ssize_t n = -1;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", ram->fd);
	if (ram->config.backing == RAM_FILE)
		n = readlink(link, path, sizeof(path) - 1);
	path[n < 0 ? 0 : n] = '\0';
	snprintf(buf, len, "guest memory%s%s%s", n < 0 ? "" : " in '", path, n < 0 ? "" : "'");
}

int ram_check(const struct ram *ram, struct error **errp)
{
	enum ram_loss loss = ram_guard_loss(ram->guard);
	char name[300];
	struct stat st;

	if (loss == RAM_INTACT && ram->fd < 0)
		return 0;
	describe(ram, name, sizeof(name));
	if (loss == RAM_POISONED)
		return err_set(errp, EIO,
			       "%s was hit by an uncorrectable error of the host's memory", name);
	if (ram->fd >= 0 && fstat(ram->fd, &st) == 0 && st.st_size < (off_t)ram->len)
		return err_set(errp, EIO,
			       "%s was lost while the guest used it: the file became "
			       "shorter",
			       name);
	if (loss == RAM_UNBACKED)
		return err_set(errp, EIO,
			       "%s was lost while the guest used it: the host had no page to put "
			       "there (a failed disk, a full file system, or huge pages over their "
			       "limit)",
			       name);
	return 0;
}

int ram_clear(struct ram *ram, struct error **errp)
{
	int r;

	if (ram->fd < 0)
		r = madvise(ram->hva, ram->len, MADV_DONTNEED);
	else
		r = fallocate(ram->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			      (off_t)ram->len);
	if (r < 0) {
		memset(ram->hva, 0, ram->len); /* old kernels, odd file systems: slow but right */
		return 0;
	}
	if (ram->config.backing == RAM_FILE && fallocate(ram->fd, 0, 0, (off_t)ram->len) < 0 &&
	    errno != EOPNOTSUPP)
		return err_errno(errp, errno,
				 "cannot reserve guest memory again after clearing it");
	return ram->config.prefault ? populate(ram, errp) : 0;
}

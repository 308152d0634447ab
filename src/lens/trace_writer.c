/* SPDX-License-Identifier: MIT */
/*
 * trace_writer.c: a recording on its way to a file.
 *
 * Each thread's records collect in a chunk of its own, which is written by one write(2), so that a
 * program that is killed loses whole chunks. A chunk that could not be written completely is the
 * file's last.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "lens/trace_format.h"
#include "vmm/error.h"
#include "vmm/io.h"
#include "vmm/symbols.h"

#define CHUNK_RECORDS 511u /* with headers just below 32 KiB */
#define PATIENCE_NS   UINT64_C(1000000000)

/* Addresses whose symbols the file will have; beyond these, those seen first are enough. */
#define RIPS_MAX (1u << 16)

struct open_chunk {
	uint32_t pad; /* the rest follows each other as in the file */
	struct trace_chunk head;
	struct trace_records_header records;
	struct trace_rec rec[CHUNK_RECORDS];
	unsigned cnt;
	uint64_t oldest;
	struct trace_thread thread; /* as the last chunk that was written said */
	bool news;
};
_Static_assert(offsetof(struct open_chunk, records) ==
		       offsetof(struct open_chunk, head) + sizeof(struct trace_chunk),
	       "no padding");

struct trace_writer {
	int fd;
	bool failed;
	char *path;
	struct open_chunk *thread[TRACE_THREADS_MAX];
	unsigned thread_cnt;
	uint64_t lost[TRACE_THREADS_MAX];
	uint64_t *rip; /* hashed; 0: free */
	unsigned rip_cnt;
};

static int write_out(struct trace_writer *w, const void *p, size_t len, struct error **errp)
{
	int r = io_write_all(w->fd, p, len);

	if (r == 0)
		return 0;
	w->failed = true;
	r = err_errno(errp, -r, "cannot write the trace to '%s'", w->path);
	err_hint(errp, "what was recorded until now can be read: trapeze trace show %s", w->path);
	return r;
}

static int put_chunk(struct trace_writer *w, const char *type, const void *p, size_t len,
		     struct error **errp)
{
	_cleanup_free_ char *buf = NULL;
	struct trace_chunk c;

	if (len > TRACE_CHUNK_MAX) {
		w->failed = true;
		return err_set(errp, E2BIG, "the trace's '%s' chunk would have %zu bytes", type,
			       len);
	}
	buf = malloc(sizeof(c) + len);
	if (!buf) {
		w->failed = true;
		return err_errno(errp, ENOMEM, "cannot write the trace to '%s'", w->path);
	}
	memcpy(c.type, type, sizeof(c.type));
	c.len = le32_make((uint32_t)len);
	c.crc = le32_make(trace_chunk_crc(&c, p, len));
	memcpy(buf, &c, sizeof(c));
	memcpy(buf + sizeof(c), p, len);
	return write_out(w, buf, sizeof(c) + len, errp);
}

/* Takes @j. */
static int put_json(struct trace_writer *w, const char *type, json_t *j, struct error **errp)
{
	_cleanup_free_ char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;

	json_decref(j);
	if (text)
		return put_chunk(w, type, text, strlen(text), errp);
	w->failed = true;
	return err_errno(errp, ENOMEM, "cannot write the trace to '%s'", w->path);
}

/* --- the beginning ---------------------------------------------------------------------------- */

static int open_stdout(struct error **errp)
{
	int fd;

	if (isatty(STDOUT_FILENO)) {
		err_set(errp, EINVAL, "a trace is no text, and standard output is a terminal");
		err_hint(errp, "give it a file's name, or a program to read it: | trapeze trace "
			       "show -");
		return -EINVAL;
	}
	fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? err_errno(errp, errno, "cannot write the trace to standard output") : fd;
}

/* A FIFO that nobody reads is an error, and not a reason to wait. */
static int open_file(const char *path, struct error **errp)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);

	int r = errno;

	if (fd >= 0) {
		(void)fcntl(fd, F_SETFL, 0); /* knows no error for this */
		return fd;
	}
	r = err_errno(errp, r, "cannot write the trace to '%s'", path);
	if (r == -ENXIO)
		err_hint(errp, "nobody reads that pipe yet");
	return r;
}

static int put_header(struct trace_writer *w, struct error **errp)
{
	struct trace_file_header h = { .version = le32_make(TRACE_VERSION) };

	memcpy(h.magic, TRACE_MAGIC, sizeof(h.magic));
	h.crc = le32_make(crc32c(0, &h, offsetof(struct trace_file_header, crc)));
	return write_out(w, &h, sizeof(h), errp);
}

int trace_writer_open(const char *path, const struct trace_machine *m, struct trace_writer **ret,
		      struct error **errp)
{
	bool is_stdout = !strcmp(path, "-");
	struct trace_writer *w = calloc(1, sizeof(*w));
	int r;

	if (w) {
		w->fd = -1;
		w->path = strdup(is_stdout ? "standard output" : path);
		w->rip = calloc(2 * RIPS_MAX, sizeof(*w->rip));
	}
	if (!w || !w->path || !w->rip) {
		trace_writer_free(w);
		return err_errno(errp, ENOMEM, "cannot write the trace to '%s'", path);
	}
	r = w->fd = is_stdout ? open_stdout(errp) : open_file(path, errp);
	if (r >= 0)
		r = put_header(w, errp);
	if (r >= 0)
		r = put_json(w, TRACE_CHUNK_MACHINE, trace_machine_to_json(m), errp);
	if (r < 0) {
		trace_writer_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

/* --- records ---------------------------------------------------------------------------------- */

static int put_records(struct trace_writer *w, unsigned thread, struct error **errp)
{
	struct open_chunk *c = w->thread[thread];
	size_t len = sizeof(c->records) + c->cnt * sizeof(c->rec[0]);

	if (!c->cnt && !c->news)
		return 0;
	memcpy(c->head.type, TRACE_CHUNK_RECORDS, sizeof(c->head.type));
	c->head.len = le32_make((uint32_t)len);
	c->records.thread = le32_make(thread);
	c->records.vcpu = le32_make((uint32_t)c->thread.vcpu);
	c->records.lost = le64_make(c->thread.lost);
	memcpy(c->records.name, c->thread.name, sizeof(c->records.name));
	c->head.crc = le32_make(trace_chunk_crc(&c->head, &c->records, len));
	c->cnt = 0;
	c->news = false;
	return write_out(w, &c->head, sizeof(c->head) + len, errp);
}

static struct open_chunk *chunk_of(struct trace_writer *w, unsigned thread)
{
	if (!w->thread[thread])
		w->thread[thread] = calloc(1, sizeof(struct open_chunk));
	if (thread >= w->thread_cnt)
		w->thread_cnt = thread + 1;
	return w->thread[thread];
}

static void remember(struct trace_writer *w, uint64_t addr)
{
	uint64_t at = addr * UINT64_C(0x9e3779b97f4a7c15) >> 47;

	if (!addr || w->rip_cnt == RIPS_MAX)
		return;
	while (w->rip[at] && w->rip[at] != addr)
		at = (at + 1) % (2 * RIPS_MAX);
	w->rip_cnt += !w->rip[at];
	w->rip[at] = addr;
}

static void remember_addresses(struct trace_writer *w, const struct trace_rec *r)
{
	if (r->kind == TRACE_EXIT)
		remember(w, r->exit.rip);
	if (r->kind != TRACE_KERNEL)
		return;
	remember(w, r->kernel.lstar);
	remember(w, r->kernel.idt);
}

static int add(struct trace_writer *w, unsigned thread, const struct trace_rec *r,
	       struct error **errp)
{
	struct open_chunk *c = w->thread[thread];

	if (!c->cnt)
		c->oldest = r->t;
	c->rec[c->cnt++] = *r;
	remember_addresses(w, r);
	if (c->cnt == CHUNK_RECORDS || (r->t > c->oldest && r->t - c->oldest > PATIENCE_NS))
		return put_records(w, thread, errp);
	return 0;
}

int trace_writer_put(struct trace_writer *w, unsigned thread, const struct trace_thread *t,
		     const struct trace_rec *r, unsigned cnt, struct error **errp)
{
	struct open_chunk *c;

	if (w->failed)
		return 0;
	c = thread < TRACE_THREADS_MAX ? chunk_of(w, thread) : NULL;
	if (!c) {
		w->failed = true;
		return err_errno(errp, ENOMEM, "cannot write the trace to '%s'", w->path);
	}
	c->news |= t->lost != c->thread.lost;
	c->thread = *t;
	w->lost[thread] = t->lost;
	for (unsigned i = 0; i < cnt; i++) {
		int ret = add(w, thread, &r[i], errp);

		if (ret < 0)
			return ret;
	}
	return 0;
}

int trace_writer_flush(struct trace_writer *w, struct error **errp)
{
	for (unsigned i = 0; i < w->thread_cnt && !w->failed; i++) {
		int r = w->thread[i] ? put_records(w, i, errp) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

/* --- the end ---------------------------------------------------------------------------------- */

static int by_position(const void *a, const void *b)
{
	const struct symbol *x = *(const struct symbol *const *)a,
			    *y = *(const struct symbol *const *)b;

	return x < y ? -1 : x > y;
}

/* The symbols at an address, and the next one's, so that what is behind is not taken for it. */
static unsigned pick(const struct trace_writer *w, const struct symbols *s, uint64_t slide,
		     const struct symbol **ret)
{
	unsigned cnt = 0;

	for (unsigned i = 0; i < 2 * RIPS_MAX; i++) {
		uint64_t off;
		const struct symbol *y = w->rip[i] ? symbols_find(s, w->rip[i] - slide, &off)
						   : NULL,
				    *next = y;

		if (!y)
			continue;
		ret[cnt++] = y;
		while (next < s->v + s->cnt && next->addr == y->addr)
			next++;
		if (next < s->v + s->cnt)
			ret[cnt++] = next;
	}
	qsort(ret, cnt, sizeof(const struct symbol *), by_position);
	return cnt;
}

/* Lines of "ADDRESS TYPE NAME", as in a System.map. */
static int put_symbols(struct trace_writer *w, const struct symbols *s, uint64_t slide,
		       struct error **errp)
{
	_cleanup_free_ const struct symbol **sym =
		malloc((2 * w->rip_cnt + 1) * sizeof(const struct symbol *));
	_cleanup_(str_free) struct str text = { 0 };
	unsigned cnt = sym ? pick(w, s, slide, sym) : 0;

	for (unsigned i = 0; i < cnt && text.len < TRACE_CHUNK_MAX - 1024; i++)
		if (!i || sym[i] != sym[i - 1])
			str_add(&text, "%016" PRIx64 " %c %s\n", sym[i]->addr, sym[i]->type,
				symbol_name(s, sym[i]));
	if (!sym || text.failed) {
		w->failed = true;
		return err_errno(errp, ENOMEM, "cannot write the trace's symbols");
	}
	return text.len ? put_chunk(w, TRACE_CHUNK_SYMBOLS, text.s, text.len, errp) : 0;
}

int trace_writer_finish(struct trace_writer *w, const struct trace_cpu_time *time, unsigned cpu_cnt,
			const struct trace_stat *stat, unsigned stat_cnt, const struct symbols *s,
			uint64_t slide, struct error **errp)
{
	/* Read only; the casts are for the reader's sake. */
	const struct trace_end e = { .cpu_time = (struct trace_cpu_time *)time,
				     .cpu_cnt = cpu_cnt,
				     .stat = (struct trace_stat *)stat,
				     .stat_cnt = stat_cnt,
				     .lost = w->lost,
				     .thread_cnt = w->thread_cnt,
				     .slide = slide,
				     .slide_known = s != NULL };
	int r = trace_writer_flush(w, errp);

	if (r == 0 && !w->failed && s)
		r = put_symbols(w, s, slide, errp);
	if (r == 0 && !w->failed)
		r = put_json(w, TRACE_CHUNK_END, trace_end_to_json(&e), errp);
	w->failed = true; /* nothing comes behind it */
	return r;
}

struct trace_writer *trace_writer_free(struct trace_writer *w)
{
	if (!w)
		return NULL;
	for (unsigned i = 0; i < w->thread_cnt; i++)
		free(w->thread[i]);
	if (w->fd >= 0)
		close(w->fd);
	free(w->path);
	free(w->rip);
	free(w);
	return NULL;
}

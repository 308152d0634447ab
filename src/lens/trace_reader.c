/* SPDX-License-Identifier: MIT */
/*
 * trace_reader.c: a recording, from its file.
 *
 * The file is read once, a chunk at a time, and nothing is kept but what was checked: records whose
 * numbers are in range, names that can be printed. What is wrong ends the recording there, with a
 * word on why; the chunks before it are good.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lens/trace_format.h"
#include "lens/trace_index.h"
#include "vmm/error.h"
#include "vmm/symbols.h"

/* The JSON of a chunk takes some twenty times its length while it is read. */
#define JSON_CHUNK_MAX (4u << 20)

#define BUF_START (64 * KIB)

struct source {
	const char *name;
	int fd;           /* or, -1: */
	const uint8_t *p; /* in memory */
	size_t left;
};

struct reader {
	struct trace *t;
	struct source *from;
	uint64_t at; /* of the chunk, in the file */
	uint8_t *buf;
	size_t room;
	bool has_machine, has_end;
};

/* --- bytes ------------------------------------------------------------------------------------ */

/* How many bytes there were, @len unless the file ends; or -errno. */
static ssize_t take_bytes(struct source *s, void *to, size_t len)
{
	size_t done = 0;

	if (s->fd < 0) {
		done = min_u64(len, s->left);
		memcpy(to, s->p, done);
		s->p += done;
		s->left -= done;
		return (ssize_t)done;
	}
	while (done < len) {
		ssize_t n = read(s->fd, (char *)to + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/* A length is believed as far as bytes come. */
static ssize_t take_payload(struct reader *r, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n;

		if (r->room == done) {
			size_t room = 2 * max_u64(r->room, BUF_START);
			uint8_t *more = realloc(r->buf, room);

			if (!more)
				return -ENOMEM;
			r->buf = more;
			r->room = room;
		}
		n = take_bytes(r->from, r->buf + done, min_u64(len, r->room) - done);
		if (n < 0)
			return n;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/* --- records ---------------------------------------------------------------------------------- */

static bool check_exit(const struct trace_machine *m, struct trace_rec *r)
{
	if (r->exit.reason == 0 || r->exit.reason >= TRACE_EXIT_REASONS)
		return false;
	if (r->exit.flags & TRACE_X_NOBODY || r->dev >= m->device_cnt ||
	    r->exit.region >= m->device[r->dev].region_cnt)
		r->dev = TRACE_NO_DEV;
	return true;
}

static bool check_event(const struct trace_machine *m, struct trace_rec *r)
{
	return r->num < TRACE_EVENT_CNT && (r->dev < m->device_cnt || r->dev == TRACE_NO_DEV);
}

static bool check_field(const struct trace_machine *m, struct trace_rec *r)
{
	return r->dev < m->device_cnt && r->field.field < m->device[r->dev].field_cnt;
}

static bool check_code(const struct trace_machine *m, struct trace_rec *r)
{
	(void)m;
	return r->code.len <= TRACE_CODE_BYTES && r->code.before <= r->code.len &&
	       r->code.before <= TRACE_CODE_BEFORE &&
	       (r->code.bits == 16 || r->code.bits == 32 || r->code.bits == 64);
}

static bool check_kernel(const struct trace_machine *m, struct trace_rec *r)
{
	(void)m;
	(void)r;
	return true;
}

typedef bool rec_check(const struct trace_machine *m, struct trace_rec *r);
static rec_check *const checks[] = {
	[TRACE_EXIT] = check_exit, [TRACE_EVENT] = check_event,   [TRACE_FIELD] = check_field,
	[TRACE_CODE] = check_code, [TRACE_KERNEL] = check_kernel,
};

static bool add_record(struct trace *t, unsigned thread, struct trace_rec *r)
{
	struct rec_list *to = &t->index->thread[thread];

	t->rec_cnt++;
	if (r->kind >= ARRAY_LEN(checks) || !checks[r->kind] || !checks[r->kind](&t->machine, r))
		return true;
	t->exit_cnt += r->kind == TRACE_EXIT;
	if (r->kind == TRACE_CODE)
		to = &t->index->code;
	if (r->kind == TRACE_KERNEL)
		to = &t->index->kernel;
	return rec_list_add(to, r);
}

static int name_thread(struct trace *t, unsigned thread, const struct trace_records_header *h)
{
	struct trace_thread *n;

	if (thread >= t->thread_cnt) {
		n = reallocarray(t->thread, thread + 1, sizeof(*n));
		if (!n)
			return -ENOMEM;
		t->thread = n;
		for (; t->thread_cnt <= thread; t->thread_cnt++)
			n[t->thread_cnt] = (struct trace_thread){ .vcpu = -1 };
	}
	n = &t->thread[thread];
	str_escape(h->name, strnlen(h->name, sizeof(h->name)), n->name, sizeof(n->name));
	n->vcpu = le32_get(h->vcpu) < t->machine.cpu_cnt ? (int)le32_get(h->vcpu) : -1;
	n->lost = le64_get(h->lost);
	return 0;
}

/* --- chunks: 0, or -ENOMEM, or -EINVAL and an error that says what is wrong with it ------------
 */

static int no_memory(struct error **errp)
{
	return err_errno(errp, ENOMEM, "cannot keep a trace of this size");
}

static int read_records(struct reader *r, size_t len, struct error **errp)
{
	struct trace_records_header h;
	struct trace_rec rec;
	unsigned thread;

	if (!r->has_machine)
		return err_set(errp, EINVAL, "records before the machine is known");
	if (len < sizeof(h) || (len - sizeof(h)) % sizeof(rec))
		return err_set(errp, EINVAL, "%zu bytes are no whole records", len);
	memcpy(&h, r->buf, sizeof(h));
	thread = le32_get(h.thread);
	if (thread >= TRACE_THREADS_MAX)
		return err_set(errp, EINVAL, "there is no thread %u", thread);
	if (name_thread(r->t, thread, &h) < 0)
		return no_memory(errp);
	for (size_t i = sizeof(h); i < len; i += sizeof(rec)) {
		memcpy(&rec, r->buf + i, sizeof(rec));
		if (!add_record(r->t, thread, &rec))
			return no_memory(errp);
	}
	return 0;
}

static int parse_json(const struct reader *r, size_t len, json_t **ret, struct error **errp)
{
	if (len > JSON_CHUNK_MAX)
		return err_set(errp, EINVAL, "%zu bytes of description", len);
	return json_parse((const char *)r->buf, len, "description", ret, errp);
}

static int read_machine(struct reader *r, size_t len, struct error **errp)
{
	_cleanup_(json_freep) json_t *j = NULL;
	int ret;

	if (r->has_machine)
		return err_set(errp, EINVAL, "a second machine");
	ret = parse_json(r, len, &j, errp);
	if (ret == 0)
		ret = trace_machine_from_json(j, &r->t->machine, errp);
	if (ret < 0)
		trace_machine_free(&r->t->machine);
	r->has_machine = ret == 0;
	return ret;
}

static int read_symbols(struct reader *r, size_t len, struct error **errp)
{
	symbols_free(r->t->symbols);
	return symbols_from_map(r->buf, len, r->t->symbols, errp);
}

/* As many CPUs as the machine has, whatever it says. */
static int keep_cpu_time(struct trace *t, const struct trace_end *e)
{
	t->cpu_time = calloc(t->machine.cpu_cnt + 1, sizeof(*t->cpu_time));
	if (!t->cpu_time)
		return -ENOMEM;
	for (unsigned i = 0; i < t->machine.cpu_cnt && i < e->cpu_cnt; i++)
		t->cpu_time[i] = e->cpu_time[i];
	return 0;
}

static int read_end(struct reader *r, size_t len, struct error **errp)
{
	_cleanup_(trace_end_free) struct trace_end e = { 0 };
	_cleanup_(json_freep) json_t *j = NULL;
	struct trace *t = r->t;
	int ret;

	if (!r->has_machine)
		return err_set(errp, EINVAL, "an end without a beginning");
	ret = parse_json(r, len, &j, errp);
	if (ret == 0)
		ret = trace_end_from_json(j, &e, errp);
	if (ret < 0)
		return ret;
	if (keep_cpu_time(t, &e) < 0)
		return no_memory(errp);
	t->stat = take_ptr(e.stat);
	t->stat_cnt = e.stat_cnt;
	for (unsigned i = 0; i < t->thread_cnt && i < e.thread_cnt; i++)
		t->thread[i].lost = e.lost[i];
	t->slide = e.slide;
	t->slide_known = e.slide_known;
	r->has_end = true;
	return 0;
}

static const struct {
	char type[5];
	int (*read)(struct reader *r, size_t len, struct error **errp);
} chunks[] = {
	{ TRACE_CHUNK_MACHINE, read_machine },
	{ TRACE_CHUNK_RECORDS, read_records },
	{ TRACE_CHUNK_SYMBOLS, read_symbols },
	{ TRACE_CHUNK_END, read_end },
};

/* One that this program does not know says nothing that the others need. */
static int use_chunk(struct reader *r, const struct trace_chunk *c, size_t len, struct error **errp)
{
	for (unsigned i = 0; i < ARRAY_LEN(chunks); i++)
		if (!memcmp(chunks[i].type, c->type, sizeof(c->type)))
			return chunks[i].read(r, len, errp);
	return 0;
}

/* --- the file --------------------------------------------------------------------------------- */

/* Ends the recording here. 0. What is wrong may be in the file's own words. */
static int cut(struct reader *r, const char *why)
{
	struct trace *t = r->t;
	int n = snprintf(t->cut_why, sizeof(t->cut_why),
			 "at byte %llu: ", (unsigned long long)r->at);

	t->cut = true;
	str_escape(why, strlen(why), t->cut_why + n, sizeof(t->cut_why) - (size_t)n);
	return 0;
}

static int read_error(const struct reader *r, ssize_t code, struct error **errp)
{
	return err_errno(errp, (int)-code, "cannot read '%s'", r->from->name);
}

/* 1: there may be more. */
static int read_chunk(struct reader *r, struct error **errp)
{
	_cleanup_(error_freep) struct error *why = NULL;
	struct trace_chunk c;
	ssize_t n = take_bytes(r->from, &c, sizeof(c));
	size_t len;
	int ret;

	if (n < 0)
		return read_error(r, n, errp);
	if (n == 0 && r->has_end)
		return 0;
	if (n == 0)
		return cut(r, "it has no end; what recorded it still runs, or was killed");
	if (r->has_end)
		return cut(r, "there is something behind its end");
	if ((size_t)n < sizeof(c))
		return cut(r, "it ends in the middle of a chunk");
	len = le32_get(c.len);
	if (len > TRACE_CHUNK_MAX)
		return cut(r, "a chunk longer than any is");
	n = take_payload(r, len);
	if (n < 0)
		return read_error(r, n, errp);
	if ((size_t)n < len)
		return cut(r, "it ends in the middle of a chunk");
	if (trace_chunk_crc(&c, r->buf, len) != le32_get(c.crc))
		return cut(r, "a chunk's checksum is wrong");
	ret = use_chunk(r, &c, len, &why);
	if (ret == -ENOMEM)
		return no_memory(errp);
	if (ret < 0)
		return cut(r, error_msg(why));
	r->at += sizeof(c) + len;
	return 1;
}

static int read_header(struct reader *r, struct error **errp)
{
	const char *name = r->from->name;
	struct trace_file_header h;
	ssize_t n = take_bytes(r->from, &h, sizeof(h));

	if (n < 0)
		return read_error(r, n, errp);
	if ((size_t)n < sizeof(h) || memcmp(h.magic, TRACE_MAGIC, sizeof(h.magic)) != 0) {
		n = err_set(errp, EINVAL, "'%s' is not a trace", name);
		err_hint(errp, "'trapeze run --trace-out FILE' makes one");
		return (int)n;
	}
	if (crc32c(0, &h, offsetof(struct trace_file_header, crc)) != le32_get(h.crc))
		return err_set(errp, EINVAL, "'%s' is a trace whose header is damaged", name);
	if (le32_get(h.version) != TRACE_VERSION)
		return err_set(errp, EPROTO,
			       "'%s' is a trace of version %u; this program reads version %u", name,
			       le32_get(h.version), TRACE_VERSION);
	r->at = sizeof(h);
	return 0;
}

static struct trace *trace_new(void)
{
	struct trace *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->symbols = calloc(1, sizeof(*t->symbols));
	t->index = calloc(1, sizeof(*t->index));
	return t->symbols && t->index ? t : trace_free(t);
}

/* So that nobody has to ask whether it is there. */
static bool complete(struct trace *t)
{
	struct trace_machine *m = &t->machine;

	if (!m->version)
		m->version = strdup("");
	if (!m->cmdline)
		m->cmdline = strdup("");
	for (unsigned i = 0; i < t->thread_cnt; i++)
		t->lost += t->thread[i].lost;
	if (!m->version || !m->cmdline || !trace_index_build(t->index))
		return false;
	t->kernel = t->index->kernel.rec;
	t->kernel_cnt = t->index->kernel.cnt;
	return true;
}

static int load(struct source *from, struct trace **ret, struct error **errp)
{
	struct reader r = {
		.from = from, .t = trace_new(), .buf = malloc(BUF_START), .room = BUF_START
	};
	int n = r.t && r.buf ? read_header(&r, errp) : no_memory(errp);

	if (n == 0)
		while ((n = read_chunk(&r, errp)) > 0)
			;
	free(r.buf);
	if (n == 0 && !complete(r.t))
		n = no_memory(errp);
	*ret = n < 0 ? trace_free(r.t) : r.t;
	return n;
}

int trace_load_mem(const void *p, size_t len, const char *name, struct trace **ret,
		   struct error **errp)
{
	struct source from = { .name = name, .fd = -1, .p = p, .left = len };

	return load(&from, ret, errp);
}

int trace_load(const char *path, struct trace **ret, struct error **errp)
{
	bool is_stdin = !strcmp(path, "-");
	_cleanup_close_ int fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
					  : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct source from = { .name = is_stdin ? "standard input" : path, .fd = fd };

	if (fd < 0)
		return err_errno(errp, errno, "cannot read '%s'", from.name);
	return load(&from, ret, errp);
}

struct trace *trace_free(struct trace *t)
{
	if (!t)
		return NULL;
	trace_machine_free(&t->machine);
	free(t->thread);
	free(t->cpu_time);
	free(t->stat);
	symbols_free(t->symbols);
	free(t->symbols);
	trace_index_free(t->index);
	free(t);
	return NULL;
}

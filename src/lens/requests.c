/* SPDX-License-Identifier: MIT */
/* requests.c: a set-associative table of requests of which only one half was seen. */
#include "lens/requests.h"

static bool is_other_half(const struct trace_rec *a, const struct trace_rec *b)
{
	const struct trace_rec *begin = a->num == TRACE_E_IO_BEGIN ? a : b;
	const struct trace_rec *end = begin == a ? b : a;

	return a->kind && a->num != b->num && a->dev == b->dev &&
	       a->event.arg[0] == b->event.arg[0] && begin->t <= end->t;
}

static struct requests_half *set_of(struct requests *q, const struct trace_rec *r)
{
	uint64_t h = (r->event.arg[0] + r->dev) * UINT64_C(0x9e3779b97f4a7c15);

	return q->half[(h >> 32) % REQUESTS_SETS];
}

static void complete(const struct requests_half *a, const struct requests_half *b,
		     struct request *ret)
{
	const struct requests_half *begin = a->rec.num == TRACE_E_IO_BEGIN ? a : b;
	const struct requests_half *end = begin == a ? b : a;

	*ret = (struct request){
		.begin = begin->rec.t,
		.end = end->rec.t,
		.id = begin->rec.event.arg[0],
		.op = begin->rec.event.arg[1],
		.offset = begin->rec.event.arg[2],
		.len = begin->rec.event.arg[3],
		.status = end->rec.event.arg[1],
		.thread = begin->thread,
		.dev = begin->rec.dev,
	};
}

bool requests_add(struct requests *q, const struct trace_rec *r, unsigned thread,
		  struct request *ret)
{
	const struct requests_half mine = { *r, thread };
	struct requests_half *set, *to;

	if (r->kind != TRACE_EVENT || (r->num != TRACE_E_IO_BEGIN && r->num != TRACE_E_IO_END))
		return false;
	to = set = set_of(q, r);
	for (unsigned i = 0; i < REQUESTS_WAYS; i++) {
		if (is_other_half(&set[i].rec, r)) {
			complete(&set[i], &mine, ret);
			set[i].rec.kind = 0;
			return true;
		}
		/* A free place, else the oldest's. */
		if (to->rec.kind && (!set[i].rec.kind || set[i].rec.t < to->rec.t))
			to = &set[i];
	}
	*to = mine;
	return false;
}

/* SPDX-License-Identifier: MIT */
/* handle.c: what the guest has opened. */
#include <errno.h>

#include "fs/fs_internal.h"

int handles_create(struct share *s, unsigned max)
{
	s->handle_max = max;
	s->handle_top = 1;
	s->handle = calloc((size_t)max + 1, sizeof(*s->handle));
	return s->handle ? 0 : -ENOMEM;
}

static struct handle *take_slot(struct share *s)
{
	struct handle *h;

	if (s->handle_free) {
		h = &s->handle[s->handle_free];
		s->handle_free = h->next;
		return h;
	}
	return s->handle_top <= s->handle_max ? &s->handle[s->handle_top++] : NULL;
}

int handle_add(struct share *s, uint64_t nodeid, int fd, bool dir, uint64_t *fh)
{
	struct handle *h = take_slot(s);

	if (!h) {
		if (fd >= 0)
			close(fd);
		return -EMFILE;
	}
	*h = (struct handle){
		.nodeid = nodeid, .fd = fd, .generation = s->generation++, .dir = dir
	};
	node_get(s, nodeid)->opens++;
	*fh = (uint64_t)h->generation << 32 | (uint32_t)(h - s->handle);
	return 0;
}

struct handle *handle_get(const struct share *s, uint64_t fh, uint64_t nodeid, bool dir)
{
	uint32_t slot = (uint32_t)fh;
	struct handle *h = &s->handle[slot];

	if (!slot || slot >= s->handle_top || !h->nodeid || h->nodeid != nodeid ||
	    h->generation != fh >> 32 || h->dir != dir)
		return NULL;
	return h;
}

void handle_close(struct share *s, struct handle *h)
{
	struct node *n = node_get(s, h->nodeid);

	/* A guest may forget what it has open. */
	if (n)
		n->opens--;
	if (h->fd >= 0)
		close(h->fd);
	h->nodeid = 0;
	h->next = s->handle_free;
	s->handle_free = (uint32_t)(h - s->handle);
}

void handles_clear(struct share *s)
{
	for (uint32_t i = 1; i < s->handle_top; i++) {
		if (s->handle[i].nodeid)
			handle_close(s, &s->handle[i]);
	}
	s->handle_top = 1;
	s->handle_free = 0;
}

void handles_destroy(struct share *s)
{
	if (s->handle)
		handles_clear(s);
	free(s->handle);
}

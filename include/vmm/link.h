/* SPDX-License-Identifier: MIT */
/*
 * link.h: doubly linked lists of nodes that are embedded in what they link. A list is a ring with
 * one node of its own, so that taking a node out needs to know no list. Nothing allocates.
 */
#ifndef VMM_LINK_H
#define VMM_LINK_H

#include "vmm/base.h"

/* Both NULL: on no list. The list's own node is never so once link_init() has seen it. */
struct link {
	struct link *prev, *next;
};

static inline void link_init(struct link *list)
{
	list->prev = list->next = list;
}

static inline bool link_is_empty(const struct link *list)
{
	return list->next == list;
}

static inline bool link_is_on(const struct link *l)
{
	return l->next;
}

/* Takes @l off the list it is on, if it is on one. */
static inline void link_del(struct link *l)
{
	if (!l->next)
		return;
	l->prev->next = l->next;
	l->next->prev = l->prev;
	l->prev = l->next = NULL;
}

/* Puts @l at the end, from wherever it was before. */
static inline void link_add(struct link *list, struct link *l)
{
	link_del(l);
	l->prev = list->prev;
	l->next = list;
	list->prev->next = l;
	list->prev = l;
}

/* The first, or NULL. */
static inline struct link *link_first(const struct link *list)
{
	return list->next == list ? NULL : list->next;
}

#endif

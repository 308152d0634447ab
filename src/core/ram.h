/* SPDX-License-Identifier: MIT */
/* ram.h: the host mapping that guest RAM is cut from. Used by guestmem.c only. */
#ifndef CORE_RAM_H
#define CORE_RAM_H

#include "vmm/guestmem.h"

struct ram {
	uint8_t *hva;
	uint64_t len;
	uint64_t page_size;
	struct ram_config config; /* path is not kept */
	int fd;                   /* memfd or file; -1 for anonymous memory */
	int guard;                /* ram_guard.h */
	bool stale;               /* a file that was not empty: its old contents must go */
};

/* Maps and, if asked, populates RAM as @c says. */
int ram_map(struct ram *ram, const struct ram_config *c, struct error **errp) __must_check;
void ram_unmap(struct ram *ram);

/* Gives every page back; RAM then reads as zero. No vCPU runs. */
int ram_clear(struct ram *ram, struct error **errp) __must_check;

/* 0, or a sentence on how part of RAM was lost. Any thread. */
int ram_check(const struct ram *ram, struct error **errp) __must_check;

#endif

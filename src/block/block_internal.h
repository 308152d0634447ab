/* SPDX-License-Identifier: MIT */
/* block_internal.h: what the front (blk.c) and the formats (raw, qcow2, overlay) know of each
 * other. */
#ifndef BLOCK_INTERNAL_H
#define BLOCK_INTERNAL_H

#include "block/blk.h"
#include "block/engine.h"
#include "block/file.h"

/* What a format is told when it looks at the start of a file. */
#define BLK_PROBE_LEN 4096

struct blk_format_ops {
	const char *name; /* as in format=NAME */
	enum blk_format format;
	/* Do these first bytes of a file (zeros behind its end) say that it is one of mine? NULL:
	 * never. */
	bool (*probe)(const uint8_t head[BLK_PROBE_LEN]);
	/*
	 * @b->file is open and locked. Checks the image, fills in @b->info (size, block sizes;
	 * the front has preset all but the size from the file) and @b->state.
	 */
	int (*open)(struct blk *b, const struct blk_config *c, struct error **errp);
	/*
	 * One request, in range and allowed; ends in blk_complete(), at once if it likes. Uses
	 * r->priv. What it starts with file_start() or blk_start() is submitted by the front.
	 */
	void (*submit)(struct blk *b, struct blk_req *r);
	/* The host file may have another size: true if @b->info.size has changed. NULL: never. */
	bool (*refresh)(struct blk *b);
	/* Nothing is in flight: writes back what is cached (blocking) and frees the state. Also
	 * after a failed open(). May be NULL. */
	void (*close)(struct blk *b);
};

extern const struct blk_format_ops blk_raw, blk_qcow2, blk_overlay;

struct blk {
	const struct blk_format_ops *ops;
	void *state; /* the format's */
	struct blk_info info;
	struct loop *loop;
	struct engine *engine;   /* the top's, shared by all layers */
	struct blk_file *file;   /* the image; NULL if the format has none of its own */
	char *path;              /* for messages */
	struct blk *top;         /* whom the device knows; itself in that one */
	struct blk *above;       /* the layer that opened this one, if any */
	struct blk *base;        /* the layer below that blk_close() closes, if any */
	bool probed;             /* nobody said what format it is */
	struct blk_front *front; /* of the top: blk.c's */
};

/*
 * Ends @r. The format's last act for it: @r is the owner's again, who may submit anew from inside
 * done(). Inside blk_submit() and blk_start() done() is put off until blk_reap().
 */
void blk_complete(struct blk_req *r, int err);

/*
 * Opens a layer below @above (a backing file; @c says read-only) on the top's engine and loop. It
 * is not locked against readers.
 */
int blk_open_below(struct blk *above, const struct blk_config *c, struct blk **ret,
		   struct error **errp) __must_check;
/*
 * Gives a request to a layer below. Range and access must be right: nothing is checked, throttled
 * or split. done() does not come from inside it.
 */
void blk_start(struct blk *b, struct blk_req *r);

#endif

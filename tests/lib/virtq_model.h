/* SPDX-License-Identifier: MIT */
/*
 * virtq_model.h: what a chain is, said a second time, slowly and in the specification's words: one
 * byte after the other, one rule after the other. Tests hold the product against it.
 */
#ifndef TESTS_VIRTQ_MODEL_H
#define TESTS_VIRTQ_MODEL_H

#include "tests/lib/virtq_rig.h"

/* Bytes of one kind, by their place in the host's memory; more than this is more than tests use. */
#define MODEL_BYTES 256

struct model_chain {
	bool ok;
	const char *why; /* it is not */
	unsigned slots;
	uint16_t id;
	unsigned r_cnt, w_cnt;
	uint8_t *r[MODEL_BYTES], *w[MODEL_BYTES];
};

/* The chain that begins with entry @head of the table. @max: the largest queue the device offers.
 */
void model_split(const struct virtq_rig *g, uint16_t head, unsigned max, struct model_chain *m);

/*
 * The list that begins with slot @slot of lap @wrap, where the device has @taken slots that it has
 * not given back. False: none is available there.
 */
bool model_packed(const struct virtq_rig *g, uint16_t slot, bool wrap, unsigned taken, unsigned max,
		  struct model_chain *m);

/* Fails unless the queue's chain g->c is what the model says, piece by piece. */
void model_compare(const struct virtq_rig *g, const struct model_chain *m);

#endif

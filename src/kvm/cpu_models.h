/* SPDX-License-Identifier: MIT */
/* cpu_models.h: CPUs with a name: the set of features a guest is promised, whatever the host. */
#ifndef KVM_CPU_MODELS_H
#define KVM_CPU_MODELS_H

#include "kvm/cpu_features.h"

struct cpu_model {
	const char *name, *description;
	const struct cpu_model *base; /* whose features it has too; NULL: none */
	const uint16_t *features;     /* what it adds, cnt enum cpu_feature_id; NULL: the host's */
	unsigned cnt;
	/* Leaf 1 EAX, by the host's vendor; 0: the host's. */
	uint32_t signature_intel, signature_amd;
	const char *brand; /* leaves 0x80000002..4, at most 47 characters; NULL: the host's */
};

extern const struct cpu_model cpu_models[];
extern const unsigned cpu_model_cnt;

/* NULL: there is none of that name. */
const struct cpu_model *cpu_model_find(const char *name);

/* Everything @m promises, what it inherits included. Not for the host's model. */
void cpu_model_features(const struct cpu_model *m, struct cpu_feature_set *ret);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * cpu_features.h: named CPU features: where CPUID shows them, what they are called, what each one
 * is useless without. Pure data and set arithmetic; any thread.
 */
#ifndef KVM_CPU_FEATURES_H
#define KVM_CPU_FEATURES_H

#include "kvm/cpu_feature_list.h"
#include "vmm/bits.h"
#include "vmm/cpuid.h"

enum cpuid_reg { CPU_EAX, CPU_EBX, CPU_ECX, CPU_EDX };

enum cpu_feature_id {
#define X(id, name, function, index, reg, mask, flags) CPU_F_##id,
	CPU_FEATURE_LIST(X)
#undef X
		CPU_FEATURE_CNT
};

/* Not part of a CPU's generation: follows the host in every model. Paravirtual help, and the
 * controls a guest kernel needs against speculation leaks; programs do not depend on either. */
#define CPU_FF_FOLLOW 1u
/* Made by the machine (from the topology) or by the guest itself (a mirror of CR4);
 * not to choose. */
#define CPU_FF_MADE 2u
/* KVM may list it, but it works only with help that this program does not give; never shown. */
#define CPU_FF_WITHHELD 4u
/* A promise that is the user's to make; KVM never lists it, and it is off unless asked for. */
#define CPU_FF_OFFERED 8u

struct cpu_feature {
	const char *name;
	uint32_t function;
	uint32_t mask;
	uint8_t index, reg, flags;
};

extern const struct cpu_feature cpu_features[CPU_FEATURE_CNT];

struct cpu_alias {
	const char *name, *feature;
};

extern const struct cpu_alias cpu_aliases[];
extern const unsigned cpu_alias_cnt;

/* @feature is worthless, or an architectural contradiction, without @needs. */
struct cpu_dependency {
	uint16_t feature, needs;
};

extern const struct cpu_dependency cpu_dependencies[];
extern const unsigned cpu_dependency_cnt;

/* The feature of that name or alias; '_', '-' and '.' are one, and case does not matter.
 * -1: none. */
int cpu_feature_lookup(const char *name);

/* Whether two names differ in nothing but spelling, in the sense above. */
bool cpu_name_equal(const char *a, const char *b);

/* --- sets of features --------------------------------------------------------------------- */

struct cpu_feature_set {
	uint64_t w[(CPU_FEATURE_CNT + 63) / 64];
};

static inline bool cpu_set_has(const struct cpu_feature_set *s, unsigned id)
{
	return s->w[id / 64] >> (id % 64) & 1;
}

static inline void cpu_set_add(struct cpu_feature_set *s, unsigned id)
{
	s->w[id / 64] |= BIT64(id % 64);
}

static inline void cpu_set_del(struct cpu_feature_set *s, unsigned id)
{
	s->w[id / 64] &= ~BIT64(id % 64);
}

/* Adds to @s, and takes from @s, everything in @other. */
void cpu_set_join(struct cpu_feature_set *s, const struct cpu_feature_set *other);
void cpu_set_cut(struct cpu_feature_set *s, const struct cpu_feature_set *other);

/* Adds whatever the features of @s need. */
void cpu_set_close(struct cpu_feature_set *s);

/* Removes features of which something needed is missing, until that is true of none. */
void cpu_set_prune(struct cpu_feature_set *s);

/* The value of @reg, one of the four of @leaf. */
uint32_t *cpuid_leaf_reg(struct cpuid_leaf *leaf, unsigned reg);

/* The features that @t shows. */
void cpu_set_read(struct cpu_feature_set *ret, const struct cpuid_table *t);

/*
 * Takes from @t every named feature that is not in @s. If @only_named, the register loses its
 * nameless bits too: what nobody has named yet is not part of any model but "host".
 */
void cpu_set_apply(const struct cpu_feature_set *s, struct cpuid_table *t, bool only_named);

/* What a guest with a local APIC could have of @supported (cpuid.c). */
void cpuid_available(const struct cpuid_table *supported, struct cpu_feature_set *ret);

#endif

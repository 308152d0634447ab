/* SPDX-License-Identifier: MIT */
/*
 * trace_time.c: where the vCPUs' time went, and what KVM counted by itself.
 *
 * Outside of KVM_RUN time is ours, but for HLT where that waits here. Inside it is the guest's as
 * far as the scheduler has it (in its ticks), a wait where KVM says so, a wait for a CPU where the
 * scheduler says so, and KVM's where nobody does.
 */
#include <errno.h>
#include <string.h>

#include "machine/tracer.h"
#include "vmm/error.h"

int trace_baseline_take(struct vcpu_set *s, unsigned cpu_cnt, struct trace_baseline *ret,
			struct error **errp)
{
	*ret = (struct trace_baseline){ .usage = calloc(cpu_cnt, sizeof(*ret->usage)) };
	if (!ret->usage)
		return err_set(errp, ENOMEM, "no memory to trace with");
	for (unsigned i = 0; i < cpu_cnt; i++)
		vcpu_usage(s, i, &ret->usage[i]);
	/* A KVM that has none is traced without. */
	(void)!vcpu_set_kvm_stats(s, &ret->stat, &ret->stat_cnt);
	return 0;
}

void trace_baseline_clear(struct trace_baseline *b)
{
	free(b->usage);
	free(b->stat);
	*b = (struct trace_baseline){ 0 };
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static void split(const struct vcpu_usage *was, const struct vcpu_usage *u,
		  struct trace_cpu_time *ret)
{
	const uint64_t end = u->inside ? trace_now() : u->last_ns;
	uint64_t inside, queued = less(u->queued_ns, was->queued_ns);

	*ret = (struct trace_cpu_time){ 0 };
	if (!u->first_ns)
		return;
	ret->wall_ns = less(end, u->first_ns);
	inside = less(ret->wall_ns, u->away_ns);
	ret->vmm_ns = less(u->away_ns, u->halted_here_ns);
	ret->halted_ns = min_u64(less(u->halted_kvm_ns, was->halted_kvm_ns), inside);
	inside -= ret->halted_ns;
	ret->halted_ns += min_u64(u->halted_here_ns, ret->wall_ns - inside - ret->halted_ns);
	ret->guest_ns = min_u64(less(u->guest_ns, was->guest_ns), inside);
	inside -= ret->guest_ns;
	ret->kernel_ns = less(inside, queued);
}

static uint64_t value_at_start(const struct trace_baseline *b, const char *name)
{
	for (unsigned i = 0; i < b->stat_cnt; i++)
		if (!strcmp(b->stat[i].name, name))
			return b->stat[i].value;
	return 0;
}

static void take_stats(struct vcpu_set *s, const struct trace_baseline *b, struct trace_cost *ret)
{
	_cleanup_free_ struct kvm_stat *now = NULL;
	unsigned cnt = 0;

	if (vcpu_set_kvm_stats(s, &now, &cnt) < 0 || !cnt)
		return;
	ret->stat = calloc(cnt, sizeof(*ret->stat));
	if (!ret->stat)
		return;
	for (unsigned i = 0; i < cnt; i++) {
		_Static_assert(sizeof(ret->stat->name) == sizeof(now->name), "the same names");
		memcpy(ret->stat[i].name, now[i].name, sizeof(now[i].name));
		ret->stat[i].value = less(now[i].value, value_at_start(b, now[i].name));
	}
	ret->stat_cnt = cnt;
}

void trace_cost_take(struct vcpu_set *s, unsigned cpu_cnt, const struct trace_baseline *b,
		     struct trace_cost *ret)
{
	*ret = (struct trace_cost){ .time = calloc(cpu_cnt, sizeof(*ret->time)) };
	for (unsigned i = 0; ret->time && i < cpu_cnt; i++) {
		struct vcpu_usage u;

		vcpu_usage(s, i, &u);
		split(&b->usage[i], &u, &ret->time[i]);
	}
	take_stats(s, b, ret);
}

void trace_cost_clear(struct trace_cost *c)
{
	free(c->time);
	free(c->stat);
	*c = (struct trace_cost){ 0 };
}

/* SPDX-License-Identifier: MIT */
/*
 * kvm_stats.c: what KVM did without us, from its binary statistics (api.rst, 4.134
 * KVM_GET_STATS_FD), and what the scheduler knows of vCPU threads (proc(5)).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kvm/vm_internal.h"
#include "vmm/error.h"

#define NSEC_PER_SEC UINT64_C(1000000000)

/* More than any KVM has (some 60 of a vCPU, 20 of a VM), and longer names. */
#define STATS_MAX 512u
#define NAME_MAX_ 256u

/* --- KVM's descriptors ------------------------------------------------------------------------ */

static bool read_at(int fd, void *to, size_t len, off_t at)
{
	return pread(fd, to, len, at) == (ssize_t)len;
}

struct sums {
	struct kvm_stat *v;
	unsigned cnt;
	const char *prefix; /* of names; "" */
};

static void add(struct sums *s, const char *name, uint64_t value)
{
	char full[sizeof(s->v[0].name)];
	unsigned i = 0;

	snprintf(full, sizeof(full), "%s%.40s", s->prefix, name);
	while (i < s->cnt && strcmp(s->v[i].name, full) != 0)
		i++;
	if (i == STATS_MAX)
		return;
	if (i == s->cnt) {
		memcpy(s->v[i].name, full, sizeof(full));
		s->v[s->cnt++].value = 0;
	}
	s->v[i].value += value;
}

/* Single numbers that only grow; histograms, states and peaks are no sums. */
static void add_one(struct sums *s, int fd, const struct kvm_stats_header *h,
		    const struct kvm_stats_desc *d)
{
	uint64_t value;

	if (d->size != 1 || (d->flags & KVM_STATS_TYPE_MASK) != KVM_STATS_TYPE_CUMULATIVE)
		return;
	if (read_at(fd, &value, sizeof(value), (off_t)h->data_offset + d->offset))
		add(s, d->name, value);
}

static void add_all(struct sums *s, int fd)
{
	struct kvm_stats_header h;
	struct {
		struct kvm_stats_desc d;
		char name[NAME_MAX_ + 1];
	} e;

	if (!read_at(fd, &h, sizeof(h), 0) || h.name_size > NAME_MAX_ || h.num_desc > STATS_MAX)
		return;
	for (uint32_t i = 0; i < h.num_desc; i++) {
		const size_t len = sizeof(e.d) + h.name_size;

		memset(&e, 0, sizeof(e));
		if (!read_at(fd, &e, len, (off_t)(h.desc_offset + i * len)))
			return;
		add_one(s, fd, &h, &e.d);
	}
}

static int add_object(struct sums *s, int object)
{
	_cleanup_close_ int fd = kvm_ioctl_val(object, KVM_GET_STATS_FD, 0);

	if (fd < 0)
		return fd;
	add_all(s, fd);
	return 0;
}

int vcpu_set_kvm_stats(struct vcpu_set *set, struct kvm_stat **ret, unsigned *ret_cnt)
{
	struct sums s = { .v = calloc(STATS_MAX, sizeof(*s.v)), .prefix = "" };
	int r = s.v ? 0 : -ENOMEM;

	*ret = NULL;
	*ret_cnt = 0;
	for (unsigned i = 0; i < set->cnt && r >= 0; i++)
		r = add_object(&s, set->vcpu[i].fd);
	s.prefix = "vm ";
	if (r >= 0)
		r = add_object(&s, set->vm->fd);
	if (r < 0) {
		free(s.v);
		return r;
	}
	*ret = s.v;
	*ret_cnt = s.cnt;
	return 0;
}

static uint64_t kvm_halted_ns(const struct vcpu *v)
{
	static const char *const waits[] = { "halt_wait_ns", "halt_poll_success_ns",
					     "halt_poll_fail_ns" };
	struct kvm_stat stat[STATS_MAX];
	struct sums s = { .v = stat, .prefix = "" };
	uint64_t sum = 0;

	if (add_object(&s, v->fd) < 0)
		return 0;
	for (unsigned i = 0; i < s.cnt; i++)
		for (unsigned k = 0; k < ARRAY_LEN(waits); k++)
			if (!strcmp(stat[i].name, waits[k]))
				sum += stat[i].value;
	return sum;
}

/* --- the scheduler ---------------------------------------------------------------------------- */

static bool read_proc(pid_t tid, const char *what, char *buf, size_t len)
{
	_cleanup_close_ int fd = -1;
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/task/%d/%s", (int)tid, what);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf, len - 1);
	if (n <= 0)
		return false;
	buf[n] = '\0';
	return true;
}

/* stat: field 43, guest_time, counted from what follows the name in parentheses (field 2). */
static uint64_t guest_time_ns(pid_t tid)
{
	char buf[1024], *p;
	long hz = sysconf(_SC_CLK_TCK);

	if (hz <= 0 || !read_proc(tid, "stat", buf, sizeof(buf)))
		return 0;
	p = strrchr(buf, ')');
	for (unsigned field = 2; p && field < 43; field++)
		p = strchr(p + 1, ' ');
	return p ? strtoull(p + 1, NULL, 10) * (NSEC_PER_SEC / (uint64_t)hz) : 0;
}

/* schedstat: time on a CPU, time in the queue for one. */
static uint64_t queued_ns(pid_t tid)
{
	char buf[128], *p;

	if (!read_proc(tid, "schedstat", buf, sizeof(buf)))
		return 0;
	p = strchr(buf, ' ');
	return p ? strtoull(p + 1, NULL, 10) : 0;
}

/* --- a vCPU's time ---------------------------------------------------------------------------- */

void vcpu_usage(struct vcpu_set *s, unsigned cpu, struct vcpu_usage *ret)
{
	struct vcpu *v = &s->vcpu[cpu];
	const pid_t tid = atomic_load(&v->clock.tid);

	*ret = (struct vcpu_usage){ .first_ns = atomic_load(&v->clock.first),
				    .away_ns = atomic_load(&v->clock.away),
				    .halted_here_ns = atomic_load(&v->clock.halted),
				    .last_ns = atomic_load(&v->clock.last),
				    .inside = atomic_load(&v->clock.inside) };
	ret->halted_kvm_ns = kvm_halted_ns(v);
	if (tid) {
		ret->guest_ns = guest_time_ns(tid);
		ret->queued_ns = queued_ns(tid);
	}
}

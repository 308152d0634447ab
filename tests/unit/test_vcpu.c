/* SPDX-License-Identifier: MIT */
/*
 * test_vcpu.c: the road of an exit, with a KVM_RUN that returns what the test wants. The product
 * file itself is compiled here, its ioctl(2) replaced: there is no other way to some exits without
 * a CPU that fails.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>

#include "tests/lib/fake.h"

static int fake_ioctl(int fd, unsigned long request, ...);
#define ioctl fake_ioctl
#include "kvm/vcpu.c" /* NOLINT(bugprone-suspicious-include) */
#undef ioctl

#define PORT 0x100
#define ADDR 0x10000

/* --- the machine around it -------------------------------------------------------------------- */

struct step {
	int err; /* KVM_RUN fails with this; 0: it exits as below */
	struct kvm_run run;
};

struct access {
	uint32_t off;
	unsigned size;
	uint64_t val;
	bool write;
};

static struct world {
	struct bus *pio, *mmio;
	struct epoch *epoch;
	struct device dev;
	struct io_region region[2];
	struct access seen[64];
	unsigned seen_cnt, accesses;
	uint64_t answer;
	uint8_t answered[8]; /* what KVM finds of it */

	struct vcpu_set *set;
	uint8_t page[3 * 4096];

	const struct step *steps;
	unsigned step_cnt, next;
	unsigned runs, finishing_runs;

	unsigned ended_cnt, ended_cpu;
	enum vcpu_end why;
	uint64_t detail;
	uint8_t eoi;
} w;

static int fake_ioctl(int fd, unsigned long request, ...)
{
	struct kvm_run *run = w.set->vcpu[0].run;
	const struct step *s;

	(void)fd;
	assert_int_equal(request, KVM_RUN);
	w.runs++;
	if (run->exit_reason == KVM_EXIT_MMIO)
		memcpy(w.answered, run->mmio.data, sizeof(w.answered));
	/* As KVM: what is pending is completed, then immediate_exit is looked at. */
	if (run->immediate_exit) {
		w.finishing_runs++;
		errno = EINTR;
		return -1;
	}
	assert_true(w.next < w.step_cnt);
	s = &w.steps[w.next++];
	if (s->err) {
		errno = s->err;
		return -1;
	}
	run->exit_reason = s->run.exit_reason;
	memcpy((uint8_t *)run + offsetof(struct kvm_run, io),
	       (const uint8_t *)&s->run + offsetof(struct kvm_run, io), 256);
	return 0;
}

static uint64_t dev_read(struct io_region *r, uint32_t off, unsigned size)
{
	(void)r;
	if (w.seen_cnt < ARRAY_LEN(w.seen))
		w.seen[w.seen_cnt++] = (struct access){ off, size, 0, false };
	w.accesses++;
	return w.answer;
}

static void dev_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	(void)r;
	if (w.seen_cnt < ARRAY_LEN(w.seen))
		w.seen[w.seen_cnt++] = (struct access){ off, size, val, true };
	w.accesses++;
}

static void on_ended(void *opaque, unsigned cpu, enum vcpu_end why, uint64_t detail)
{
	(void)opaque;
	w.ended_cnt++;
	w.ended_cpu = cpu;
	w.why = why;
	w.detail = detail;
}

static void on_eoi(void *opaque, uint8_t vector)
{
	(void)opaque;
	w.eoi = vector;
	atomic_store(&w.set->stop, true); /* the last step of tests that end without an end */
}

static int begin(void **state)
{
	static const struct region_ops ops = {
		.min_size = 1, .max_size = 8, .read = dev_read, .write = dev_write
	};
	static const struct device_ops dev_ops = { .name = "fake" };
	struct error *e = NULL;

	(void)state;
	memset(&w, 0, sizeof(w));
	w.epoch = epoch_create(1, &e);
	w.pio = bus_create("port", 0x10000, w.epoch, &e);
	w.mmio = bus_create("memory", 0, w.epoch, &e);
	for (unsigned i = 0; i < 2; i++)
		w.region[i] = (struct io_region){ .ops = &ops, .name = "fake", .len = 0x100 };
	device_init(&w.dev, &dev_ops, "fake0", w.region, 2);
	assert_int_equal(bus_map(w.pio, &w.region[0], PORT, &e), 0);
	assert_int_equal(bus_map(w.mmio, &w.region[1], ADDR, &e), 0);
	w.set = calloc(1, sizeof(*w.set) + sizeof(w.set->vcpu[0]));
	w.set->cnt = 1;
	w.set->env = (struct vcpu_env){
		.pio = w.pio, .mmio = w.mmio, .ended = on_ended, .ioapic_eoi = on_eoi
	};
	mutex_init(&w.set->lock);
	pthread_cond_init(&w.set->cond, NULL);
	w.set->vcpu[0] = (struct vcpu){ .set = w.set,
					.fd = -1,
					.run = (struct kvm_run *)(void *)w.page,
					.epoch = epoch_slot(w.epoch, 0) };
	return 0;
}

static int finish(void **state)
{
	(void)state;
	pthread_cond_destroy(&w.set->cond);
	mutex_destroy(&w.set->lock);
	free(w.set);
	bus_destroy(w.pio);
	bus_destroy(w.mmio);
	epoch_destroy(w.epoch);
	return 0;
}

static void run_steps(const struct step *s, unsigned cnt)
{
	w.steps = s;
	w.step_cnt = cnt;
	w.next = 0;
	atomic_store(&w.set->stop, false);
	w.set->vcpu[0].ended = false;
	run_guest(&w.set->vcpu[0]);
}
#define RUN(...)                                                                                   \
	run_steps((const struct step[]){ __VA_ARGS__ },                                            \
		  sizeof((const struct step[]){ __VA_ARGS__ }) / sizeof(struct step))

/* Ends a run that nothing else ends. */
#define STOP                                                                                       \
	{                                                                                          \
		.run = {.exit_reason = KVM_EXIT_IOAPIC_EOI, .eoi = { .vector = 0x31 } }            \
	}

/* --- row 77: ends ----------------------------------------------------------------------------- */

static void check_end(enum vcpu_end why, uint64_t detail)
{
	assert_int_equal(w.ended_cnt, 1);
	assert_int_equal(w.why, why);
	assert_int_equal(w.detail, detail);
	assert_true(w.set->vcpu[0].ended);
	assert_false(may_run(&w.set->vcpu[0])); /* until it is reset */
	assert_int_equal(w.runs, 1);
	w.ended_cnt = w.runs = 0;
}

static void row77_each_end_has_its_class(void **state)
{
	(void)state;
	RUN({ .run = { .exit_reason = KVM_EXIT_SHUTDOWN } });
	check_end(VCPU_SHUTDOWN, 0);
	RUN({ .run = { .exit_reason = KVM_EXIT_INTERNAL_ERROR,
		       .internal = { .suberror = KVM_INTERNAL_ERROR_EMULATION } } });
	check_end(VCPU_INTERNAL_ERROR, KVM_INTERNAL_ERROR_EMULATION);
	RUN({ .run = { .exit_reason = KVM_EXIT_FAIL_ENTRY,
		       .fail_entry = { .hardware_entry_failure_reason = 0x80000021 } } });
	check_end(VCPU_FAIL_ENTRY, 0x80000021);
	RUN({ .run = { .exit_reason = KVM_EXIT_SYSTEM_EVENT,
		       .system_event = { .type = KVM_SYSTEM_EVENT_CRASH } } });
	check_end(VCPU_SYSTEM_EVENT, KVM_SYSTEM_EVENT_CRASH);
}

/* Exits of other architectures, of features that nobody asked for, of kernels to come. */
static void row77_unknown_exits_end_it(void **state)
{
	static const uint32_t reasons[] = {
		KVM_EXIT_UNKNOWN,    KVM_EXIT_EXCEPTION, KVM_EXIT_HYPERCALL,       KVM_EXIT_DEBUG,
		KVM_EXIT_S390_SIEIC, KVM_EXIT_NMI,       KVM_EXIT_DIRTY_RING_FULL, 4711,
		UINT32_MAX
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(reasons); i++) {
		RUN({ .run = { .exit_reason = reasons[i] } });
		check_end(VCPU_UNKNOWN_EXIT, reasons[i]);
	}
}

static void row77_kvm_run_that_fails_ends_it(void **state)
{
	static const int errors[] = { EFAULT, ENOSYS, EBADF, EINVAL, ENOMEM, EIO, ENOEXEC };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(errors); i++) {
		RUN({ .err = errors[i] });
		check_end(VCPU_RUN_FAILED, (uint64_t)errors[i]);
	}
}

/* Linux api.rst, KVM_RUN: "EINTR: an unmasked signal is pending". */
static void row96_signals_do_not_end_it(void **state)
{
	struct step many[1000];

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(many) - 1; i++)
		many[i] = (struct step){ .err = i % 3 ? EINTR : EAGAIN };
	many[ARRAY_LEN(many) - 1] = (struct step)STOP;
	run_steps(many, ARRAY_LEN(many));
	assert_int_equal(w.ended_cnt, 0);
	assert_int_equal(w.eoi, 0x31);
}

/*
 * Linux api.rst, KVM_RUN: "the corresponding operations are complete (and guest state is
 * consistent) only after userspace has re-entered the kernel with KVM_RUN"; with immediate_exit
 * "without allowing further instructions to be executed".
 */
static void stop_completes_the_instruction(void **state)
{
	(void)state;
	RUN(STOP);
	assert_int_equal(w.runs, 2);
	assert_int_equal(w.finishing_runs, 1);
}

/* --- row 62: widths and counts ---------------------------------------------------------------- */

static void row62_strings_of_ports(void **state)
{
	const struct kvm_run in = { .exit_reason = KVM_EXIT_IO,
				    .io = { .direction = KVM_EXIT_IO_IN,
					    .size = 2,
					    .port = PORT + 2,
					    .count = 2048,
					    .data_offset = 4096 } };
	const struct kvm_run none = { .exit_reason = KVM_EXIT_IO,
				      .io = { .direction = KVM_EXIT_IO_OUT,
					      .size = 4,
					      .port = PORT,
					      .count = 0,
					      .data_offset = 4096 } };

	(void)state;
	w.answer = 0xbeef;
	RUN({ .run = in }, { .run = none }, STOP);
	assert_int_equal(w.accesses, 2048);
	assert_int_equal(w.seen[63].size, 2);
	for (unsigned i = 0; i < 4096; i += 2)
		assert_memory_equal(w.page + 4096 + i, "\xef\xbe", 2);
	assert_int_equal(w.page[8192], 0); /* not a byte more */
}

static struct kvm_run mmio(uint64_t addr, uint32_t len, bool write)
{
	return (struct kvm_run){ .exit_reason = KVM_EXIT_MMIO,
				 .mmio = { .phys_addr = addr,
					   .len = len,
					   .is_write = write,
					   .data = { 1, 2, 3, 4, 5, 6, 7, 8 } } };
}

static void row62_odd_widths_go_byte_by_byte(void **state)
{
	(void)state;
	RUN({ .run = mmio(ADDR + 0x10, 3, true) }, STOP);
	assert_int_equal(w.seen_cnt, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(w.seen[i].off, 0x10 + i);
		assert_int_equal(w.seen[i].size, 1);
		assert_int_equal(w.seen[i].val, i + 1);
	}
}

/* A length that no KVM gives is cut to what there is room for, not believed. */
static void row62_length_that_lies(void **state)
{
	(void)state;
	w.answer = UINT64_MAX;
	RUN({ .run = mmio(ADDR, 0, true) }, STOP);
	assert_int_equal(w.accesses, 0);
	RUN({ .run = mmio(ADDR, UINT32_MAX, false) }, STOP);
	assert_int_equal(w.accesses, 1);
	assert_memory_equal(w.answered, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
}

/* Half of it is the device's, half nobody's: what real buses answer, each for its part. */
static void row62_across_the_end_of_a_device(void **state)
{
	(void)state;
	RUN({ .run = mmio(ADDR + 0xfe, 4, false) }, STOP);
	assert_int_equal(w.seen_cnt, 1);
	assert_int_equal(w.seen[0].size, 2);
	assert_memory_equal(w.answered, "\0\0\xff\xff", 4);
	RUN({ .run = mmio(UINT64_MAX, 8, true) }, STOP); /* past the last address */
	assert_int_equal(w.ended_cnt, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, finish)
	const struct CMUnitTest tests[] = {
		T(row77_each_end_has_its_class),     T(row77_unknown_exits_end_it),
		T(row77_kvm_run_that_fails_ends_it), T(row96_signals_do_not_end_it),
		T(stop_completes_the_instruction),   T(row62_strings_of_ports),
		T(row62_odd_widths_go_byte_by_byte), T(row62_length_that_lies),
		T(row62_across_the_end_of_a_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

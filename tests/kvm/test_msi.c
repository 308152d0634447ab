/* SPDX-License-Identifier: MIT */
/* msi.c, ioeventfd.c: messages, irqfds and doorbells on a genuine /dev/kvm. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kvm/vm_internal.h"
#include "tests/lib/fake.h"
#include "tests/lib/port.h"

/* --- a VM with one CPU that does not run, but whose local APIC takes messages -------------------
 */

struct bench {
	struct vm *vm;
	struct msi_sink *sink;
	int vcpu;
};

static void need_kvm(void)
{
	if (access("/dev/kvm", R_OK | W_OK) < 0) {
		print_message("# no access to /dev/kvm\n");
		skip();
	}
}

static void put32(struct kvm_lapic_state *s, unsigned reg, uint32_t val)
{
	memcpy(s->regs + reg, &val, sizeof(val));
}

static void bench_init(struct bench *b, enum irqchip_mode mode)
{
	struct kvm_lapic_state lapic;
	struct error *e = NULL;

	need_kvm();
	assert_int_equal(vm_open(&b->vm, &e), 0);
	assert_int_equal(vm_create_irqchip(b->vm, mode, &e), 0);
	assert_no_error(e);
	b->sink = vm_msi_sink(b->vm);
	assert_non_null(b->sink);
	b->vcpu = kvm_ioctl_val(b->vm->fd, KVM_CREATE_VCPU, 0);
	assert_true(b->vcpu >= 0);
	/* Software-enabled (SVR bit 8), or the local APIC takes nothing. */
	assert_int_equal(kvm_ioctl(b->vcpu, KVM_GET_LAPIC, &lapic), 0);
	put32(&lapic, 0xf0, 0x1ff);
	assert_int_equal(kvm_ioctl(b->vcpu, KVM_SET_LAPIC, &lapic), 0);
}

static void bench_fini(struct bench *b)
{
	close(b->vcpu);
	vm_close(b->vm);
}

/* Has @vector arrived in the Interrupt Request Register? */
static bool arrived(struct bench *b, unsigned vector)
{
	struct kvm_lapic_state lapic;
	uint32_t word;

	assert_int_equal(kvm_ioctl(b->vcpu, KVM_GET_LAPIC, &lapic), 0);
	memcpy(&word, lapic.regs + 0x200 + vector / 32 * 0x10, sizeof(word));
	return word >> (vector % 32) & 1;
}

static struct msi_msg message(unsigned vector)
{
	return (struct msi_msg){ .addr = 0xfee00000, .data = vector };
}

static void route(struct bench *b, unsigned pin, unsigned vector, bool masked)
{
	struct msi_msg m = message(vector);

	b->sink->ops->route(b->sink, pin, &m, masked);
}

static void signal_fd(int fd)
{
	uint64_t one = 1;

	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
}

/* Long enough for what comes through a work queue, when nothing should come. */
static void settle(void)
{
	usleep(20000);
}

static const enum irqchip_mode modes[] = { IRQCHIP_SPLIT, IRQCHIP_KERNEL };

/* --- messages --------------------------------------------------------------------------------- */

static void a_message_reaches_the_local_apic(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(modes); i++) {
		struct msi_msg m = message(0x51), elsewhere = { .addr = 0x1000, .data = 0x52 };
		struct bench b;

		bench_init(&b, modes[i]);
		assert_true(b.sink->ops->send(b.sink, &m) > 0);
		assert_true(arrived(&b, 0x51));
		/* What a guest wants written to its memory is no interrupt. */
		assert_int_equal(b.sink->ops->send(b.sink, &elsewhere), 0);
		assert_false(arrived(&b, 0x52));
		bench_fini(&b);
	}
}

static void user_mode_has_no_sink(void **state)
{
	struct error *e = NULL;
	struct vm *vm = NULL;

	(void)state;
	need_kvm();
	assert_int_equal(vm_open(&vm, &e), 0);
	assert_int_equal(vm_create_irqchip(vm, IRQCHIP_USER, &e), 0);
	assert_null(vm_msi_sink(vm));
	vm_close(vm);
}

/* --- irqfds beyond the IOAPIC ----------------------------------------------------------------- */

static void an_irqfd_sends_its_message(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(modes); i++) {
		struct bench b;
		int pin, fd;

		bench_init(&b, modes[i]);
		pin = b.sink->ops->pin_alloc(b.sink);
		assert_true(pin >= KVM_GSIS);
		fd = b.sink->ops->trigger_fd(b.sink, (unsigned)pin);
		assert_true(fd >= 0);
		assert_int_equal(b.sink->ops->trigger_fd(b.sink, (unsigned)pin), fd);

		/* Masked from the start: kept, and said to be pending. */
		signal_fd(fd);
		settle();
		assert_true(b.sink->ops->pin_pending(b.sink, (unsigned)pin));
		route(&b, (unsigned)pin, 0x61, false);
		assert_true(EVENTUALLY(1000, arrived(&b, 0x61)));
		assert_false(b.sink->ops->pin_pending(b.sink, (unsigned)pin));

		/* Another message; masked; unmasked. */
		route(&b, (unsigned)pin, 0x62, false);
		signal_fd(fd);
		assert_true(EVENTUALLY(1000, arrived(&b, 0x62)));
		route(&b, (unsigned)pin, 0x63, true);
		signal_fd(fd);
		settle();
		assert_false(arrived(&b, 0x63));
		assert_true(b.sink->ops->pin_pending(b.sink, (unsigned)pin));
		route(&b, (unsigned)pin, 0x63, false);
		assert_true(EVENTUALLY(1000, arrived(&b, 0x63)));
		b.sink->ops->pin_free(b.sink, (unsigned)pin);
		assert_int_equal(b.sink->ops->pin_alloc(b.sink), pin); /* there again */
		bench_fini(&b);
	}
}

static void a_batch_is_one_change(void **state)
{
	enum { CNT = 100 }; /* more than the table grows by at once */
	struct bench b;
	int pin[CNT], fd[CNT];

	(void)state;
	bench_init(&b, IRQCHIP_SPLIT);
	b.sink->ops->batch(b.sink, true);
	for (unsigned i = 0; i < CNT; i++) {
		pin[i] = b.sink->ops->pin_alloc(b.sink);
		assert_true(pin[i] >= 0);
		fd[i] = b.sink->ops->trigger_fd(b.sink, (unsigned)pin[i]);
		assert_true(fd[i] >= 0);
		route(&b, (unsigned)pin[i], 0x40 + i, false);
	}
	signal_fd(fd[7]);
	settle();
	assert_false(arrived(&b, 0x47));
	b.sink->ops->batch(b.sink, false);
	for (unsigned i = 0; i < CNT; i++) {
		if (i != 7)
			signal_fd(fd[i]);
		assert_true(EVENTUALLY(1000, arrived(&b, 0x40 + i)));
	}
	bench_fini(&b);
}

/* KVM refuses a whole table for one address it does not like; a guest may program any. */
static void a_hostile_address_harms_nobody_else(void **state)
{
	static const uint64_t addrs[] = { 0, 0x1000, UINT64_C(0x1234567800000000) | 0xfee00000,
					  UINT64_MAX & ~UINT64_C(3), 0xfec00000 };
	struct bench b;
	int good, bad, good_fd, bad_fd;

	(void)state;
	bench_init(&b, IRQCHIP_SPLIT);
	good = b.sink->ops->pin_alloc(b.sink);
	bad = b.sink->ops->pin_alloc(b.sink);
	good_fd = b.sink->ops->trigger_fd(b.sink, (unsigned)good);
	bad_fd = b.sink->ops->trigger_fd(b.sink, (unsigned)bad);
	for (unsigned i = 0; i < ARRAY_LEN(addrs); i++) {
		struct msi_msg m = { .addr = addrs[i], .data = 0x70 };

		b.sink->ops->route(b.sink, (unsigned)bad, &m, false);
		signal_fd(bad_fd);
		route(&b, (unsigned)good, 0x80 + i, false);
		signal_fd(good_fd);
		assert_true(EVENTUALLY(1000, arrived(&b, 0x80 + i)));
		assert_false(arrived(&b, 0x70));
	}
	bench_fini(&b);
}

static void pins_run_out(void **state)
{
	struct bench b;
	int cnt = 0, r;

	(void)state;
	bench_init(&b, IRQCHIP_KERNEL);
	do
		r = b.sink->ops->pin_alloc(b.sink);
	while (r >= 0 && cnt++ < 10000);
	assert_int_equal(r, -ENOSPC);
	assert_in_range(cnt, 2048, 4096);
	b.sink->ops->pin_free(b.sink, KVM_GSIS + 5);
	assert_int_equal(b.sink->ops->pin_alloc(b.sink), KVM_GSIS + 5);
	/* KVM takes a table with the last pin in it. */
	r = KVM_GSIS + cnt - 1;
	signal_fd(b.sink->ops->trigger_fd(b.sink, (unsigned)r));
	route(&b, (unsigned)r, 0x99, false);
	assert_true(EVENTUALLY(1000, arrived(&b, 0x99)));
	bench_fini(&b);
}

/* The chips' own pins go on working beside messages (IRQCHIP_KERNEL has both in one table). */
static void chip_pins_stay_routed(void **state)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };
	struct bench b;
	int pin;

	(void)state;
	bench_init(&b, IRQCHIP_KERNEL);
	pin = b.sink->ops->pin_alloc(b.sink);
	assert_true(b.sink->ops->trigger_fd(b.sink, (unsigned)pin) >= 0);
	route(&b, (unsigned)pin, 0x51, false);
	irq_set(vm_gsi_line(b.vm, 17), true);
	assert_int_equal(kvm_ioctl(b.vm->fd, KVM_GET_IRQCHIP, &chip), 0);
	assert_int_equal(chip.chip.ioapic.irr, 1u << 17);
	bench_fini(&b);
}

/* --- doorbells: a guest that runs ------------------------------------------------------------- */

/*
 * real mode:  mov ax, 0xa000; mov es, ax
 *             mov dx, 0x510; mov ax, 7;  out dx, ax    a port, width 2
 *                            mov al, 9;  out dx, al    width 1
 *             mov [es:0x10], ax; mov byte [es:0x10], 1 memory at 0xa0010, widths 2 and 1
 *             mov al, 1; out 0xf4, al                  the end
 */
static const uint8_t guest[] = { 0xb8, 0x00, 0xa0, 0x8e, 0xc0, 0xba, 0x10, 0x05, 0xb8, 0x07,
				 0x00, 0xef, 0xb0, 0x09, 0xee, 0x26, 0xa3, 0x10, 0x00, 0x26,
				 0xc6, 0x06, 0x10, 0x00, 0x01, 0xb0, 0x01, 0xe6, 0xf4 };

struct runner {
	struct vm *vm;
	int vcpu;
	struct kvm_run *run;
	uint8_t *mem;
	int efd;
	unsigned pio_exits, mmio_exits; /* that reached us before the end */
};

static void runner_init(struct runner *r)
{
	struct kvm_userspace_memory_region slot = { .memory_size = 0x1000,
						    .guest_phys_addr = 0x1000 };
	struct kvm_sregs sregs;
	struct error *e = NULL;

	need_kvm();
	*r = (struct runner){ 0 };
	assert_int_equal(vm_open(&r->vm, &e), 0);
	assert_int_equal(vm_create_irqchip(r->vm, IRQCHIP_USER, &e), 0);
	r->mem = mmap(NULL, 0x1000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(r->mem, MAP_FAILED);
	memcpy(r->mem, guest, sizeof(guest));
	slot.userspace_addr = (uintptr_t)r->mem;
	assert_int_equal(kvm_ioctl(r->vm->fd, KVM_SET_USER_MEMORY_REGION, &slot), 0);
	r->vcpu = kvm_ioctl_val(r->vm->fd, KVM_CREATE_VCPU, 0);
	assert_true(r->vcpu >= 0);
	r->run = mmap(NULL, r->vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, r->vcpu, 0);
	assert_ptr_not_equal(r->run, MAP_FAILED);
	assert_int_equal(kvm_ioctl(r->vcpu, KVM_GET_SREGS, &sregs), 0);
	sregs.cs.base = sregs.cs.selector = 0;
	assert_int_equal(kvm_ioctl(r->vcpu, KVM_SET_SREGS, &sregs), 0);
	r->efd = eventfd(0, EFD_NONBLOCK);
}

static void runner_fini(struct runner *r)
{
	close(r->efd);
	munmap(r->run, r->vm->run_size);
	munmap(r->mem, 0x1000);
	close(r->vcpu);
	vm_close(r->vm);
}

/* Runs the guest from its start to its end; returns how often the doorbell rang. */
static uint64_t run_guest(struct runner *r)
{
	struct kvm_regs regs = { .rip = 0x1000, .rflags = 2 };
	uint64_t rings = 0;

	r->pio_exits = r->mmio_exits = 0;
	assert_int_equal(kvm_ioctl(r->vcpu, KVM_SET_REGS, &regs), 0);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(kvm_ioctl_val(r->vcpu, KVM_RUN, 0), 0);
		if (r->run->exit_reason == KVM_EXIT_MMIO) {
			r->mmio_exits++;
			continue;
		}
		assert_int_equal(r->run->exit_reason, KVM_EXIT_IO);
		if (r->run->io.port == 0xf4)
			break;
		r->pio_exits++;
	}
	assert_int_equal(r->run->io.port, 0xf4);
	if (read(r->efd, &rings, sizeof(rings)) < 0)
		assert_int_equal(errno, EAGAIN);
	return rings;
}

static void doorbells_ring_without_an_exit(void **state)
{
	static const struct {
		struct doorbell d;
		unsigned rings, pio, mmio; /* what is left to us of two and two */
	} cases[] = {
		{ { .pio = true, .addr = 0x510, .size = 2 }, 1, 1, 2 },
		{ { .pio = true, .addr = 0x510, .size = 1 }, 1, 1, 2 },
		{ { .pio = true, .addr = 0x510 }, 2, 0, 2 },
		{ { .pio = true, .addr = 0x510, .size = 2, .match = true, .value = 7 }, 1, 1, 2 },
		{ { .pio = true, .addr = 0x510, .size = 2, .match = true, .value = 8 }, 0, 2, 2 },
		{ { .addr = 0xa0010, .size = 2 }, 1, 2, 1 },
		{ { .addr = 0xa0010 }, 2, 2, 0 },
		{ { .addr = 0xa0010, .size = 1, .match = true, .value = 1 }, 1, 2, 1 },
	};
	struct doorbell_host *h;
	struct runner r;

	(void)state;
	runner_init(&r);
	h = vm_doorbells(r.vm);
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		struct doorbell d = cases[i].d;

		d.efd = r.efd;
		assert_int_equal(h->ops->attach(h, &d), 0);
		assert_int_equal(run_guest(&r), cases[i].rings);
		assert_int_equal(r.pio_exits, cases[i].pio);
		assert_int_equal(r.mmio_exits, cases[i].mmio);
		assert_true(h->ops->attach(h, &d) < 0); /* there already */
		h->ops->detach(h, &d);
		assert_int_equal(run_guest(&r), 0);
		assert_int_equal(r.pio_exits + r.mmio_exits, 4);
	}
	runner_fini(&r);
}

static void a_value_needs_a_width(void **state)
{
	struct doorbell d = { .addr = 0xa0010, .match = true, .value = 1 };
	struct runner r;

	(void)state;
	runner_init(&r);
	d.efd = r.efd;
	assert_int_equal(vm_doorbells(r.vm)->ops->attach(vm_doorbells(r.vm), &d), -ENOTSUP);
	runner_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_reaches_the_local_apic),
		cmocka_unit_test(user_mode_has_no_sink),
		cmocka_unit_test(an_irqfd_sends_its_message),
		cmocka_unit_test(a_batch_is_one_change),
		cmocka_unit_test(a_hostile_address_harms_nobody_else),
		cmocka_unit_test(pins_run_out),
		cmocka_unit_test(chip_pins_stay_routed),
		cmocka_unit_test(doorbells_ring_without_an_exit),
		cmocka_unit_test(a_value_needs_a_width),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* irq.h: interrupt wires. A device knows a struct irq_line and nothing else about interrupts. */
#ifndef VMM_IRQ_H
#define VMM_IRQ_H

#include "vmm/base.h"
#include "vmm/lock.h"

struct error;
struct irq_line;

struct irq_ops {
	/* Drives the wire. Idempotent. Any thread; the caller may hold its device lock; takes at
	 * most irqchip locks. */
	void (*set)(struct irq_line *l, bool level);
	/* An eventfd that pulses the (edge) line without us, borrowed, created on first call; -1:
	 * use set(). */
	int (*trigger_fd)(struct irq_line *l);
};

struct irq_line {
	const struct irq_ops *ops;
	void *chip;
	uint32_t pin;
};

static inline void irq_set(struct irq_line *l, bool level)
{
	l->ops->set(l, level);
}

static inline int irq_trigger_fd(struct irq_line *l)
{
	return l->ops->trigger_fd ? l->ops->trigger_fd(l) : -1;
}

/* A line that goes nowhere: a legal value for an unconnected pin. */
extern struct irq_line irq_none;

/* One wire in, up to three out: an ISA interrupt reaches the 8259 and the IOAPIC. */
struct irq_fan {
	struct irq_line in;
	struct irq_line *out[3];
	unsigned out_cnt;
	_Atomic bool level; /* as last driven; for traces */
};
/* @number: what the wire is called in traces, the interrupt's; IRQ_NO_NUMBER: it has no name. */
#define IRQ_NO_NUMBER UINT32_MAX
void irq_fan_init(struct irq_fan *f, uint32_t number, struct irq_line *const *out, unsigned cnt);

/* Wired OR for level-triggered lines that several devices share. in[i] are the devices' ends. */
#define IRQ_OR_MAX 32
struct irq_or {
	struct irq_line *out;
	struct irq_line in[IRQ_OR_MAX];
	struct mutex lock;
	uint32_t mask GUARDED_BY(lock); /* of in[] that are asserted */
};
void irq_or_init(struct irq_or *o, struct irq_line *out);

/*
 * The INTR and NMI pins of the boot CPU, as the 8259 and port 0x61 see them. intr() is level: it
 * stays asserted until the CPU's acknowledge (i8259_ack()) or a mask takes it away. Any thread.
 */
struct cpu_intr_ops {
	void (*intr)(void *cpu, bool asserted);
	void (*nmi)(void *cpu);
};
struct cpu_intr {
	const struct cpu_intr_ops *ops;
	void *cpu;
};

/* Where an IOAPIC and MSI-X capabilities send messages. */
struct msi_msg {
	uint64_t addr;
	uint32_t data;
};
struct msi_sink;
struct msi_sink_ops {
	/* Delivers one message. Returns > 0 delivered, 0 coalesced or blocked, < 0 -errno. Any
	 * thread. */
	int (*send)(struct msi_sink *s, const struct msi_msg *m);
	/*
	 * Tells the layer below what pin @pin's redirection entry says now, so that an in-kernel
	 * local APIC can report EOIs of its vector and an irqfd on that pin goes the same way.
	 * @masked: no message may be sent for the pin. Any thread; takes a leaf lock.
	 */
	void (*route)(struct msi_sink *s, unsigned pin, const struct msi_msg *m, bool masked);
	/* An irqfd for @pin, see irq_ops.trigger_fd; -1 if there is none. */
	int (*trigger_fd)(struct msi_sink *s, unsigned pin);
	/*
	 * Pins beyond the IOAPIC's, for message-signalled interrupts that need an irqfd (a message
	 * that this process sends itself needs none, see send()). Returns a pin for route() and
	 * trigger_fd(), masked; -ENOSPC. While such a pin is masked its irqfd keeps what is
	 * signalled. All NULL: there are no such pins. Any thread.
	 */
	int (*pin_alloc)(struct msi_sink *s);
	void (*pin_free)(struct msi_sink *s, unsigned pin); /* closes its irqfd */
	/* Has a signal come to the masked pin's irqfd? */
	bool (*pin_pending)(struct msi_sink *s, unsigned pin);
	/*
	 * What is between batch(true) and batch(false) may be put into force by the latter: each
	 * change of routes by itself is dear. For such pins only. Nests, across threads too.
	 */
	void (*batch)(struct msi_sink *s, bool begin);
};
struct msi_sink {
	const struct msi_sink_ops *ops;
};

#endif

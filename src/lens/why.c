/* SPDX-License-Identifier: MIT */
/*
 * why.c: the rule behind an exit, in two sentences. First what makes the processor leave the guest,
 * then what makes KVM hand it on; the manuals' sections; what KVM keeps to itself.
 *
 * Sections of Intel's manual are those of the editions from 2016 on whose VMX chapters are 23 to 30
 * (order number 325384-060); later editions number the chapters anew, so each has its title. AMD's
 * are of 24593 revision 3.42.
 */
#include <inttypes.h>
#include <string.h>

#include "vmm/lens.h"

#define SDM_CONDITIONAL "25.1.3 Instructions That Cause VM Exits Conditionally"
#define SDM_OTHER       "25.2 Other Causes of VM Exits"
#define SDM_WINDOW      "26.7.5 Interrupt-Window Exiting and Virtual-Interrupt Delivery"
#define SDM_EPT         "28.2.3 EPT-Induced VM Exits"
#define SDM_EOI         "29.1.4 EOI Virtualization"
#define SDM_EXCEPTIONS  SDM_OTHER " (Exceptions)"

#define APM_INSTRUCTION "15.9 Instruction Intercepts"
#define APM_IOIO        "15.10 IOIO Intercepts"
#define APM_MSR         "15.11 MSR Intercepts"
#define APM_DB          "15.12.2 #DB (Debug)"
#define APM_INTR        "15.13.1 INTR Intercept"
#define APM_VINTR       "15.13.5 Virtual Interrupt Intercept"
#define APM_SHUTDOWN    "15.14.3 Shutdown Intercept"
#define APM_NPF         "15.25.6 Nested versus Guest Page Faults, Fault Ordering"

#define EVERY_PORT                                                                                 \
	"IN and OUT leave the guest because KVM asks for every I/O instruction to (Intel: "        \
	"\"unconditional I/O exiting\"; AMD: all bits of the I/O permissions map are set): no "    \
	"guest touches the host's ports."

struct rule {
	const char *name;
	uint8_t reason;        /* enum trace_exit_reason */
	uint8_t set, clear;    /* TRACE_X_ flags that must be */
	const char *irqchip;   /* only with this one; NULL: any */
	const char *cpu;       /* the first sentence: why the processor leaves the guest */
	const char *kvm;       /* the second one: why KVM hands it to us */
	const char *sdm, *apm; /* sections */
	const char *kept;      /* what KVM does without us */
};

/* The first that fits. Each reason ends with a row that asks for nothing more. */
static const struct rule rules[] = {
	{ "string I/O", TRACE_PIO, TRACE_X_STRING, 0, NULL,
	  "INS and OUTS move between a port and memory, and KVM asks for every I/O instruction to "
	  "leave the guest (Intel: \"unconditional I/O exiting\"; AMD: all bits of the I/O "
	  "permissions map), so the processor executes none.",
	  "KVM copies the guest's memory itself and hands over the port's half, up to a page of "
	  "items in one exit, because no chip of its own answers at this port.",
	  SDM_CONDITIONAL, APM_IOIO,
	  "A repeat count is KVM's business: the instruction counts as one, or as one a page." },
	{ "port nobody answers", TRACE_PIO, TRACE_X_NOBODY, 0, NULL, EVERY_PORT,
	  "No chip of KVM's and no device of ours is at this port, so a read finds all ones, as on "
	  "a bus that nobody drives, and a write is lost.",
	  SDM_CONDITIONAL, APM_IOIO, NULL },
	{ "I/O port, KVM's chips", TRACE_PIO, 0, 0, "kernel", EVERY_PORT,
	  "KVM looks for the port among its own chips and its ioeventfds, finds it with none of "
	  "them, and returns from KVM_RUN with KVM_EXIT_IO.",
	  SDM_CONDITIONAL, APM_IOIO,
	  "With --irqchip kernel it answers ports 0x20, 0x21, 0xa0, 0xa1 (8259), 0x4d0, 0x4d1 "
	  "(ELCR), 0x40 to 0x43 and 0x61 (8254) by itself." },
	{ "I/O port", TRACE_PIO, 0, 0, NULL, EVERY_PORT,
	  "KVM has no chip of its own at any port here, so but for ioeventfds it returns from "
	  "KVM_RUN with KVM_EXIT_IO for every one of them.",
	  SDM_CONDITIONAL, APM_IOIO,
	  "A port write that an ioeventfd takes (a queue's doorbell) is signalled by KVM and makes "
	  "no exit to this program." },
	{ "MMIO nobody answers", TRACE_MMIO, TRACE_X_NOBODY, 0, NULL,
	  "This guest-physical address has no translation in the second-level page tables (Intel: "
	  "EPT violation or misconfiguration; AMD: nested page fault), so the access left the "
	  "guest.",
	  "No memory slot covers it, so KVM decodes the instruction and asks this program; no "
	  "device is there either, so a read finds all ones and a write is lost.",
	  SDM_EPT, APM_NPF, NULL },
	{ "MMIO", TRACE_MMIO, 0, 0, NULL,
	  "This guest-physical address has no translation in the second-level page tables (Intel: "
	  "EPT violation or misconfiguration; AMD: nested page fault), so the access left the "
	  "guest.",
	  "No memory slot covers it, as memory that behaves like a device must not be mapped: KVM "
	  "decodes the instruction and returns from KVM_RUN with KVM_EXIT_MMIO.",
	  SDM_EPT, APM_NPF,
	  "A fault on RAM that is not mapped yet looks the same to the processor, but there is a "
	  "slot, so KVM maps the page and goes back in. Local APIC registers are KVM's as well, "
	  "and writes that an ioeventfd takes." },
	{ "HLT", TRACE_HLT, 0, 0, NULL,
	  "KVM asks for HLT to leave the guest, or the processor would sit idle in it.",
	  "There is no local APIC in KVM (--irqchip user), so KVM does not know what could wake "
	  "this CPU: it returns from KVM_RUN with KVM_EXIT_HLT, and this program waits for the "
	  "8259.",
	  SDM_CONDITIONAL, APM_INSTRUCTION,
	  "With a local APIC in KVM (--irqchip split, kernel) HLT never gets here: KVM lets the "
	  "thread sleep, after polling for a while." },
	{ "interrupt window", TRACE_IRQ_WINDOW, 0, 0, NULL,
	  "An interrupt waits while the guest has interrupts off (RFLAGS.IF is 0, or it is in the "
	  "shadow of STI or MOV SS), and KVM asked the processor to leave the guest as soon as it "
	  "could be delivered.",
	  "The controller is in this program, so KVM returns from KVM_RUN with "
	  "KVM_EXIT_IRQ_WINDOW_OPEN for the vector to be fetched from the 8259 and injected.",
	  SDM_WINDOW, APM_VINTR,
	  "Interrupts of a local APIC in KVM are injected by KVM, or by the processor (APICv, "
	  "AVIC), without an exit to this program." },
	{ "EOI", TRACE_EOI, 0, 0, NULL,
	  "The guest ended a level-triggered interrupt at its local APIC, and the vector's bit was "
	  "set in the EOI-exit bitmap (without APICv, the write to the APIC's EOI register left "
	  "the guest in any case).",
	  "The IOAPIC is in this program (--irqchip split): only it knows that the pin may ask "
	  "again, so KVM returns from KVM_RUN with KVM_EXIT_IOAPIC_EOI.",
	  SDM_EOI, "15.29 Advanced Virtual Interrupt Controller",
	  "The ends of edge-triggered interrupts, timer and IPIs among them, stay in KVM or in the "
	  "processor." },
	{ "attention", TRACE_INTR, 0, 0, NULL,
	  "The guest did nothing: an interrupt of the host's arrived, for which a processor always "
	  "leaves the guest.",
	  "A signal was pending for this thread (somebody stops it, or has an interrupt for it), "
	  "so KVM_RUN returned with EINTR instead of going back in.",
	  SDM_OTHER " (External interrupts)", APM_INTR,
	  "Without a signal KVM handles the host's interrupt and goes back in: timer ticks of the "
	  "host are not seen here." },
	{ "RDMSR", TRACE_RDMSR, 0, 0, NULL,
	  "RDMSR left the guest because the MSR's bit is set in the MSR bitmap (AMD: the MSR "
	  "permissions map), or it is in none of the ranges these cover.",
	  "KVM does not know this MSR, and was told (KVM_CAP_X86_USER_SPACE_MSR) to ask this "
	  "program instead of raising #GP in the guest.",
	  SDM_CONDITIONAL, APM_MSR,
	  "KVM answers all MSRs that it knows; some (FS.base, SYSENTER's) never leave the guest." },
	{ "WRMSR", TRACE_WRMSR, 0, 0, NULL,
	  "WRMSR left the guest because the MSR's bit is set in the MSR bitmap (AMD: the MSR "
	  "permissions map), or it is in none of the ranges these cover.",
	  "KVM does not know this MSR, and was told (KVM_CAP_X86_USER_SPACE_MSR) to ask this "
	  "program instead of raising #GP in the guest.",
	  SDM_CONDITIONAL, APM_MSR,
	  "KVM answers all MSRs that it knows; some (FS.base, SYSENTER's) never leave the guest." },
	{ "shutdown", TRACE_SHUTDOWN, 0, 0, NULL,
	  "An exception came up while the double-fault handler was being called (a triple fault): "
	  "a processor would shut down, and in a guest that is an exit instead.",
	  "There is nothing to emulate: KVM returns from KVM_RUN with KVM_EXIT_SHUTDOWN, and this "
	  "program ends the run, or resets the machine as a board does.",
	  SDM_OTHER " (Triple fault)", APM_SHUTDOWN,
	  "Single and double faults are the guest's own: the processor delivers them through the "
	  "guest's IDT without an exit." },
	{ "debug", TRACE_DEBUG, 0, 0, NULL,
	  "The processor raised #DB or #BP (a single step, a breakpoint), and KVM has their bits "
	  "set in the exception bitmap while somebody debugs.",
	  "KVM_SET_GUEST_DEBUG says that they are for this program and not for the guest, so "
	  "KVM_RUN returned with KVM_EXIT_DEBUG.",
	  SDM_EXCEPTIONS, APM_DB,
	  "Without a debugger they go to the guest's IDT and nobody hears of them." },
	{ "other", TRACE_OTHER, 0, 0, NULL,
	  "The processor left the guest for a reason that has no name here.",
	  "KVM returned from KVM_RUN with an exit reason that this program does not emulate, or "
	  "with an error: an instruction it could not decode, or a state the processor refuses.",
	  SDM_OTHER, APM_INSTRUCTION,
	  "KVM handles CPUID, control registers, page faults on RAM and many more by itself." },
};

static const struct rule *find_rule(const struct lens_why *how, const struct trace_rec *x)
{
	if (x->kind != TRACE_EXIT)
		return NULL;
	for (unsigned i = 0; i < ARRAY_LEN(rules); i++) {
		const struct rule *r = &rules[i];

		if (r->reason != x->exit.reason || (x->exit.flags & r->set) != r->set ||
		    (x->exit.flags & r->clear))
			continue;
		if (r->irqchip && (!how->irqchip || strcmp(r->irqchip, how->irqchip) != 0))
			continue;
		return r;
	}
	return &rules[ARRAY_LEN(rules) - 1]; /* a reason that is newer than this table */
}

const char *lens_why_rule(const struct lens_why *how, const struct trace_rec *x)
{
	const struct rule *r = find_rule(how, x);

	return r ? r->name : NULL;
}

#define WIDTH 92

/* Broken into lines at blanks; @first is in front of the first one. */
static void add_wrapped(const char *first, const char *text, struct str *ret)
{
	const char *indent = first;
	size_t len = strlen(text), at = 0;

	while (at < len) {
		size_t room = WIDTH - strlen(indent);
		size_t end = len - at > room ? at + room : len;

		if (end < len)
			while (end > at + 1 && text[end] != ' ')
				end--;
		str_add(ret, "%s%.*s\n", indent, (int)(end - at), text + at);
		at = end;
		indent = "  ";
		while (at < len && text[at] == ' ')
			at++;
	}
}

void lens_why(const struct lens_why *how, const struct trace_rec *x, struct str *ret)
{
	const struct rule *r = find_rule(how, x);

	if (!r) {
		str_add(ret, "  this is no exit: nothing left the guest\n");
		return;
	}
	add_wrapped("  ", r->cpu, ret);
	add_wrapped("  ", r->kvm, ret);
	str_add(ret, "  Intel SDM 3C, %s%s\n", r->sdm, how->amd ? "" : "  <- this host's");
	str_add(ret, "  AMD APM 2, %s%s\n", r->apm, how->amd ? "  <- this host's" : "");
	if (r->kept)
		add_wrapped("  KVM alone: ", r->kept, ret);
}

bool lens_reason(const struct lens_why *how, const struct trace_rec *x, struct lens_reason *ret)
{
	const struct rule *r = find_rule(how, x);

	if (!r)
		return false;
	*ret = (struct lens_reason){ r->cpu, r->kvm, r->sdm, r->apm, r->kept };
	return true;
}

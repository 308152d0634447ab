/* SPDX-License-Identifier: MIT */
/* ram_guard.c: the SIGBUS handler for guest RAM. */
#include "core/ram_guard.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>

/*
 * Written by the control thread while no other thread touches the range: before it is handed out,
 * after the last user is gone. Read by the handler, on whichever thread faults.
 */
static struct guard {
	_Atomic uintptr_t start; /* 0: free */
	_Atomic uint64_t len, page_size;
	_Atomic int efd;
	_Atomic int loss; /* enum ram_loss */
} guards[RAM_GUARDS];

static struct sigaction old_action;
static _Atomic bool passed_on;

_Static_assert(ATOMIC_LONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2, "a handler uses these");

static struct guard *find(uintptr_t addr)
{
	for (unsigned i = 0; i < RAM_GUARDS; i++) {
		uintptr_t start = atomic_load(&guards[i].start);

		if (start && addr - start < atomic_load(&guards[i].len))
			return &guards[i];
	}
	return NULL;
}

/*
 * Zeros from the lost page to the end: what ends a file ends it for all that follows, and one
 * mapping is less than one per page. A poisoned page is lost alone. mmap(2) is not in POSIX's list
 * of async-signal-safe functions but is a bare system call.
 */
static bool replace(struct guard *g, uintptr_t addr, bool alone)
{
	uint64_t page = atomic_load(&g->page_size);
	uintptr_t start = atomic_load(&g->start), end = start + atomic_load(&g->len);
	uintptr_t from = start + align_down(addr - start, page);
	size_t len = alone ? page : end - from;

	return mmap((void *)from, len, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != MAP_FAILED;
}

static void tell(struct guard *g, enum ram_loss loss)
{
	static const uint64_t one = 1;
	int intact = RAM_INTACT, efd = atomic_load(&g->efd);

	if (atomic_compare_exchange_strong(&g->loss, &intact, (int)loss) && efd >= 0)
		while (write(efd, &one, sizeof(one)) < 0 && errno == EINTR)
			;
}

/* The instruction runs again after this: with zeros in the page, or into what was there before us.
 */
static void on_sigbus(int sig, siginfo_t *info, void *ctx)
{
	bool poisoned = info->si_code == BUS_MCEERR_AR || info->si_code == BUS_MCEERR_AO;
	bool fault = info->si_code > 0;
	struct guard *g = fault ? find((uintptr_t)info->si_addr) : NULL;
	int saved_errno = errno;

	(void)ctx;
	if (g && replace(g, (uintptr_t)info->si_addr, poisoned)) {
		tell(g, poisoned ? RAM_POISONED : RAM_UNBACKED);
		errno = saved_errno;
		return;
	}
	/* Not ours: what was there before us has its turn. If that is a handler that was put on top
	 * of us at a time and comes back to us, it has had it, and what is left is the default. */
	if (atomic_exchange(&passed_on, true))
		signal(sig, SIG_DFL);
	else
		sigaction(sig, &old_action, NULL);
	/* A fault comes again by itself; what somebody sent, or what tells of a page that nobody
	 * has touched, does not. */
	if (!fault || info->si_code == BUS_MCEERR_AO)
		raise(sig);
	errno = saved_errno;
}

/* Never taken back: another handler may have been put on top of it and return to it, and where no
 * guard is it does what would have been done without it. */
static void install(void)
{
	struct sigaction now, sa = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };

	sigaction(SIGBUS, NULL, &now);
	if ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_sigbus)
		return;
	old_action = now;
	atomic_store(&passed_on, false);
	/* A handler may need the alternate stack it asked for. */
	sa.sa_flags |= now.sa_flags & SA_ONSTACK;
	sigaction(SIGBUS, &sa, NULL);
}

int ram_guard_add(void *start, uint64_t len, uint64_t page_size)
{
	install();
	for (int i = 0; i < RAM_GUARDS; i++) {
		struct guard *g = &guards[i];

		if (atomic_load(&g->start))
			continue;
		atomic_store(&g->len, len);
		atomic_store(&g->page_size, page_size);
		atomic_store(&g->efd, -1);
		atomic_store(&g->loss, RAM_INTACT);
		atomic_store(&g->start, (uintptr_t)start);
		return i;
	}
	return -1;
}

void ram_guard_remove(int guard)
{
	if (guard >= 0)
		atomic_store(&guards[guard].start, 0);
}

void ram_guard_notify(int guard, int efd)
{
	if (guard >= 0)
		atomic_store(&guards[guard].efd, efd);
}

enum ram_loss ram_guard_loss(int guard)
{
	return guard < 0 ? RAM_INTACT : (enum ram_loss)atomic_load(&guards[guard].loss);
}

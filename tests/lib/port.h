/* SPDX-License-Identifier: MIT */
/* port.h: the device's end of a byte stream for tests of the host's end: a FIFO of 16 bytes behind
 * a lock, as a UART has, and a guest that reads it. */
#ifndef TESTS_PORT_H
#define TESTS_PORT_H

#include "vmm/chardev.h"
#include "vmm/lock.h"

#define PORT_FIFO 16u

struct port {
	struct chardev *chr;
	struct mutex lock;
	pthread_cond_t came; /* something has */
	uint8_t fifo[PORT_FIFO] GUARDED_BY(lock);
	size_t fill GUARDED_BY(lock);
	size_t breaks GUARDED_BY(lock);
	size_t most GUARDED_BY(lock);
};

void port_attach(struct port *p, struct chardev *chr);
/* The guest reads at most @len bytes; returns how many. Any thread. */
size_t port_read(struct port *p, void *buf, size_t len);
/* Reads until @len bytes have come or @ms have passed without one. */
size_t port_read_all(struct port *p, void *buf, size_t len, unsigned ms);
size_t port_fill(struct port *p);
size_t port_breaks(struct port *p);
/* The longest single receive(). */
size_t port_most(struct port *p);

/* Evaluates @cond until it holds, for at most @ms; true if it did. */
#define EVENTUALLY(ms, cond)                                                                       \
	({                                                                                         \
		bool _ok = false;                                                                  \
		for (unsigned _i = 0; _i <= (ms) && !_ok; _i++) {                                  \
			_ok = (cond);                                                              \
			if (!_ok)                                                                  \
				usleep(1000);                                                      \
		}                                                                                  \
		_ok;                                                                               \
	})

#endif

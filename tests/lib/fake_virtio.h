/* SPDX-License-Identifier: MIT */
/*
 * fake_virtio.h: the smallest virtio device that uses all of virtio.h, and the neighbours that a
 * transport has, for tests of core and transports.
 *
 * The device echoes: the bytes that a chain has to read go into those it has to write, as far as
 * these reach. It can hold its chains back, as a disk does while the host's I/O takes its time, and
 * gives them back when it is asked to, or when it must.
 */
#ifndef TESTS_FAKE_VIRTIO_H
#define TESTS_FAKE_VIRTIO_H

#include "tests/lib/fake.h"
#include "virtio/virtio.h"
#include "vmm/doorbell.h"

/* --- the device ------------------------------------------------------------------------------- */

#define FAKE_VIRTIO_QUEUES 3u
#define FAKE_VIRTIO_SIZE   16u /* entries of a queue, at most; of queue 1 twice as many */
#define FAKE_VIRTIO_TYPE   0x2au
/* Features of the device's own: B only goes with A. */
#define FAKE_VIRTIO_F_A UINT64_C(1)
#define FAKE_VIRTIO_F_B UINT64_C(2)

/* Its configuration: a value that the host changes, a byte that the driver may write. */
struct fake_virtio_config {
	le64 value;
	uint8_t byte, fixed;
	le16 pad;
};
#define FAKE_VIRTIO_CONFIG_LEN 11u /* odd, to have an end inside a field */
#define FAKE_VIRTIO_FIXED      0x5au

struct fake_virtio {
	struct virtio_device v;
	_Atomic uint64_t value;
	uint8_t byte;
	_Atomic bool hold; /* chains stay outstanding */

	/* what it was asked to do */
	_Atomic unsigned activations, quiesces, queue_quiesces, resets, config_writes;
	_Atomic unsigned kicks[FAKE_VIRTIO_QUEUES];
	_Atomic unsigned echoes;   /* chains completed */
	_Atomic unsigned wrong;    /* calls on the wrong thread or at the wrong time */
	_Atomic pthread_t control; /* a thread that must not kick; 0: any may */

	struct {
		struct vq_chain chain;
		unsigned q;
	} held[FAKE_VIRTIO_SIZE * 4];
	unsigned held_cnt;
	bool active;
};

/* A device on @loop; @packed: offers packed rings. Fails the test if it cannot be made. */
struct fake_virtio *fake_virtio_create(struct guest_mem *gm, struct loop *loop, bool packed);
void fake_virtio_destroy(struct fake_virtio *f);
/* On the loop: completes what was held back, queue by queue. VIRTIO_ALL_QUEUES: everything. */
void fake_virtio_release(struct fake_virtio *f, unsigned q);

/* --- a transport that only takes notes -------------------------------------------------------- */

struct fake_xport {
	struct virtio_xport xport;
	_Atomic unsigned irqs[FAKE_VIRTIO_QUEUES], config_irqs;
	bool bells;
	unsigned bell_switches;
};
void fake_xport_init(struct fake_xport *x);

/* --- a kernel that turns writes into signals -------------------------------------------------- */

#define FAKE_BELLS 16u
struct fake_bells {
	struct doorbell_host host;
	struct mutex lock;
	struct doorbell d[FAKE_BELLS] GUARDED_BY(lock);
	unsigned cnt GUARDED_BY(lock);
	_Atomic unsigned attaches, detaches;
	bool broken; /* refuses */
};
void fake_bells_init(struct fake_bells *b);
/* A guest's write: true if it became a signal and the bus is not to see it. Any thread. */
bool fake_bells_write(struct fake_bells *b, bool pio, gpa_t addr, unsigned size, uint64_t val);
unsigned fake_bells_cnt(struct fake_bells *b);

#endif

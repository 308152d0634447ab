/* SPDX-License-Identifier: MIT */
/*
 * virtio.h: what every virtio device has in common (virtio 1.2, 2 and 3). A device knows its
 * features, its configuration and its queues; a transport knows registers, vectors and doorbells.
 * Neither includes the other's header; both call the functions here.
 *
 *       guest                 transport (pci, mmio)            core              device (blk, rng)
 *   register access  ->  decodes it, vCPU thread  ->  virtio_set_status() ...
 *   DRIVER_OK                                    ->  on the loop, waited for:  activate()
 *   kick             ->  doorbell, an eventfd    ->  on the loop:              kick()
 *   interrupt        <-  irq_queue()             <-  virtio_notify()      <-   vq_complete()
 *   status = 0                                   ->  on the loop, waited for:  quiesce(), reset()
 *
 * Threads and locks. Everything that a register access does runs under the transport's device lock
 * ("the control lock"), which the bus holds. Queues and device callbacks run on the device's loop,
 * and the loop never takes the control lock: so a reset may wait for the loop with that lock held.
 * What both sides touch is atomic: status, the interrupt state. What only one of them may touch
 * changes hands while the other waits: queues are set up by the control side, and are the loop's
 * from activation to quiescence. A device's loop therefore is not the thread that resets the
 * machine or runs a vCPU: it has a thread of its own. While the loop does not run (before the
 * machine starts, after it has stopped, in a unit test) its part is done on the calling thread.
 *
 * A device runs, that is its queues are looked at, while all of this holds: it was started
 * (virtio_dev_start()), the driver has set DRIVER_OK and not FAILED, and the transport lets it
 * touch memory.
 */
#ifndef VIRTIO_VIRTIO_H
#define VIRTIO_VIRTIO_H

#include <stdatomic.h>

#include "virtio/virtio_wire.h"
#include "virtio/virtq.h"
#include "vmm/device.h"
#include "vmm/loop.h"
#include "vmm/snap.h"

struct error;
struct guest_mem;
struct virtio_device;
struct virtio_loan;
struct virtio_xport;

/* One doorbell register of 4 bytes per queue in a 256-byte I/O BAR. */
#define VIRTIO_QUEUES_MAX 64u
#define VIRTIO_CONFIG_MAX 256u
#define VIRTIO_ALL_QUEUES UINT32_MAX

struct virtio_ops {
	const char *name;     /* "virtio-blk" */
	uint16_t device_type; /* VIRTIO_ID_* */

	/* --- with the control lock held; the loop may run meanwhile --- */
	/* Fills all config_len bytes, which are zeroed, of the configuration as of now. NULL: no
	 * configuration. */
	void (*get_config)(struct virtio_device *v, void *buf);
	/* The driver wrote @size bytes at @off, inside config_len. NULL: read-only. */
	void (*set_config)(struct virtio_device *v, unsigned off, unsigned size, uint64_t val);
	/* Do these features, all of them offered, go together? NULL: any do. */
	bool (*check_features)(const struct virtio_device *v, uint64_t acked);
	/* The driver, or the machine, has reset the device, which is quiescent: forget what the
	 * driver has told it. NULL: nothing was kept. */
	void (*reset)(struct virtio_device *v);

	/* --- on the loop --- */
	/* The driver resets a device that runs: the last look at its queues. NULL: no interest. */
	void (*last_look)(struct virtio_device *v);
	/* It runs from now on: v->acked is final, virtq_enabled() says which queues there are.
	 * Then each of those is kicked once. NULL: nothing to do. */
	void (*activate)(struct virtio_device *v);
	/* Queue @q, which is enabled, may have new chains. Pops until there are none. */
	void (*kick)(struct virtio_device *v, unsigned q);
	/*
	 * On return no chain of queue @q (VIRTIO_ALL_QUEUES: of any) is outstanding, and none will
	 * be popped until the next activate() or, for one queue, kick(). May wait for I/O. Comes
	 * for resets, and also when the device merely pauses: what is completed now is delivered.
	 * NULL: no chain outlives kick().
	 */
	void (*quiesce)(struct virtio_device *v, unsigned q);
};

/* One queue: what the driver sets up (under the control lock), and the ring that runs (loop). */
struct virtio_queue {
	struct virtio_device *owner;
	struct virtq *vq;
	uint16_t index, max_size;
	struct vring_addr addr;
	bool enabled;            /* queue_enable, QueueReady: its setup is frozen */
	bool was_reset;          /* 2.6.1: may be set up again although DRIVER_OK is set */
	_Atomic uint16_t vector; /* MSI-X; the transport's, which may change it at any time */
	struct ev_fd kick;       /* an eventfd; rung by doorbells and by virtio_ring() */
	struct virtio_loan *_Atomic loan; /* set on the loop; NULL: the device serves it */
};

/* What a snapshot holds of the core, see VIRTIO_SNAP(). */
struct virtio_saved {
	uint8_t status;
	uint64_t acked;
	uint32_t generation;
	uint8_t flags[VIRTIO_QUEUES_MAX]; /* of each queue: VIRTIO_SAVED_* */
	uint16_t size[VIRTIO_QUEUES_MAX];
	uint64_t desc[VIRTIO_QUEUES_MAX], driver[VIRTIO_QUEUES_MAX], device[VIRTIO_QUEUES_MAX];
	uint16_t avail[VIRTIO_QUEUES_MAX], used[VIRTIO_QUEUES_MAX];
};

struct virtio_device {
	struct device dev; /* first; id "disk0"; the snapshot section of core and device */
	const struct virtio_ops *ops;
	struct virtio_xport *xport;
	struct guest_mem *gm;
	struct loop *loop;
	uint64_t offered; /* features, the transport's own included */
	uint64_t acked;   /* what the driver accepts; final with FEATURES_OK */
	struct virtio_queue *queue;
	unsigned queue_cnt;
	_Atomic uint8_t status;
	bool started; /* control: between virtio_dev_start() and _stop() */
	bool may_dma; /* control: the transport's word */
	bool running; /* control: as explained above */
	bool active;  /* loop: between activate() and quiesce() */
	unsigned config_len;
	uint32_t config_generation;        /* control: changes with what the driver can see */
	uint8_t config[VIRTIO_CONFIG_MAX]; /* control: what it has seen last */
	struct virtio_saved saved;
};

struct virtio_xport_ops {
	/* The driver wants to hear of queue @q. On the loop. */
	void (*irq_queue)(struct virtio_xport *x, unsigned q);
	/*
	 * An eventfd that does the same without us, as the driver has set up its interrupts now;
	 * borrowed, as long as the transport is there. -1: there is none. The transport calls
	 * virtio_irq_changed() when the answer may have become another. On the loop. NULL: never.
	 */
	int (*irq_queue_fd)(struct virtio_xport *x, unsigned q);
	/* Configuration or status changed. Any thread. */
	void (*irq_config)(struct virtio_xport *x);
	/* The doorbells of enabled queues may be attached, or (false) must go. Control lock held,
	 * or the machine does not run. */
	void (*doorbells)(struct virtio_xport *x, bool on);
};

/* Embedded in a transport's state. */
struct virtio_xport {
	const struct virtio_xport_ops *ops;
	struct virtio_device *vdev;
};

/* --- for devices ------------------------------------------------------------------------------ */

struct virtio_config {
	const char *id;
	struct guest_mem *gm;
	struct loop *loop;
	/* Beyond VERSION_1, INDIRECT_DESC, EVENT_IDX, RING_RESET, which all have. */
	uint64_t features;
	bool packed; /* offer VIRTIO_F_RING_PACKED */
	unsigned config_len;
	const uint16_t *queue_sizes; /* the largest each may be */
	unsigned queue_cnt;
};

/*
 * Fills in a zeroed device: queues, kick eventfds, features. @dev_ops as in device.h, with reset,
 * start and stop from virtio_dev_*() below or functions that call them. On error the caller
 * virtio_fini()s it.
 */
int virtio_init(struct virtio_device *v, const struct virtio_ops *ops,
		const struct device_ops *dev_ops, const struct virtio_config *c,
		struct error **errp) __must_check;
/* For device_ops.destroy, before the device frees itself. Accepts a zeroed and a half-built one. */
void virtio_fini(struct virtio_device *v);

/* The device_ops of a device that needs nothing else. reset() and stop() wait for quiescence; both
 * may be called while the loop runs. */
void virtio_dev_reset(struct device *d);
int virtio_dev_start(struct device *d, struct error **errp);
void virtio_dev_stop(struct device *d);
extern const struct snap_desc virtio_dev_state;

/* Runs fn(arg) as the loop's own work and waits for it; on the spot if the loop does not run. Any
 * thread that may wait for the loop. */
void virtio_run_on_loop(struct virtio_device *v, void (*fn)(void *), void *arg);

/*
 * A device with state of its own builds its table with the core's rows first, and its pre_save and
 * post_load call these two. virtio_post_load() maps the rings again, so that guest memory must be
 * there; it refuses what no driver could have brought about. The device runs on with its next
 * virtio_dev_start().
 *
 *	static const struct snap_field fields[] = {
 *		VIRTIO_SNAP(struct virtio_blk, virtio.saved),
 *		SNAP(struct virtio_blk, write_cache, 1),
 *	};
 */
void virtio_pre_save(struct virtio_device *v);
int virtio_post_load(struct virtio_device *v, struct error **errp) __must_check;

/* clang-format off */
#define VIRTIO_SNAP(S, saved)                                                                      \
	SNAP(S, saved.status, 1), SNAP(S, saved.acked, 1), SNAP(S, saved.generation, 1),           \
	SNAP_ARR(S, saved.flags, 1), SNAP_ARR(S, saved.size, 1), SNAP_ARR(S, saved.desc, 1),       \
	SNAP_ARR(S, saved.driver, 1), SNAP_ARR(S, saved.device, 1), SNAP_ARR(S, saved.avail, 1),   \
	SNAP_ARR(S, saved.used, 1)
/* clang-format on */

#define VIRTIO_SAVED_ENABLED   0x01u
#define VIRTIO_SAVED_WAS_RESET 0x02u
/* The ring runs; avail, used and the wrap bits mean something. */
#define VIRTIO_SAVED_MAPPED     0x04u
#define VIRTIO_SAVED_AVAIL_WRAP 0x08u
#define VIRTIO_SAVED_USED_WRAP  0x10u
#define VIRTIO_SAVED_FLAGS      0x1fu

/* Flushes queue @q and interrupts the driver if it wants that. Once per batch. On the loop. */
void virtio_notify(struct virtio_device *v, unsigned q);
/* The configuration reads differently now (2.5): interrupts a driver that runs. Any thread. */
void virtio_config_changed(struct virtio_device *v);
/* Nothing more will work (2.1.2): NEEDS_RESET and an interrupt; no more kicks. Any thread. */
void virtio_needs_reset(struct virtio_device *v);

/*
 * --- queues that somebody else serves ---
 *
 * The host's kernel can serve a ring by itself (virtio/vhost.h): it waits for the eventfd that
 * doorbells ring, and signals one that is an interrupt. Such a queue is lent: its kicks no longer
 * come to this device, which does not touch the ring. All of this on the loop, and only between
 * activate() and quiesce(), by the end of which it is back, as after virtio_reclaim() it may be
 * anybody's.
 */
struct virtio_loan {
	/* The borrower's: virtio_irq_fd() may say something else now. On the loop. */
	void (*irq_changed)(struct virtio_loan *l);

	/* filled in by virtio_lend() */
	struct virtio_device *vdev;
	unsigned q;
	struct virtq_host ring;
	uint16_t avail; /* index of the next chain to take; the next to be used is the same */
	int kick;       /* an eventfd, which need not be read */
};

/*
 * Queue @q, of which no chain is outstanding, is @l's until virtio_reclaim(). -EINVAL: it is not
 * enabled, broken, or lent already. -ENOTSUP: a packed ring.
 */
int virtio_lend(struct virtio_device *v, unsigned q, struct virtio_loan *l) __must_check;
/*
 * It is back, every chain before @avail used, and the device goes on there. What was kicked
 * meanwhile is one more kick. Were that impossible (the loop cannot watch it again), the device
 * needs a reset.
 */
void virtio_reclaim(struct virtio_loan *l, uint16_t avail);
/*
 * Signal this for an interrupt of the lent queue: an eventfd, borrowed, until irq_changed() comes.
 * -1: there is none at present; virtio_interrupt() does it.
 */
int virtio_irq_fd(const struct virtio_loan *l);
/* Interrupts for the lent queue; whether the driver wants that is known to who serves it. */
void virtio_interrupt(const struct virtio_loan *l);

/* Has the driver accepted @feature? Once it runs, from any thread. */
static inline bool virtio_has(const struct virtio_device *v, uint64_t feature)
{
	return v->acked & feature;
}

/* --- for transports (control lock held, unless said otherwise) -------------------------------- */

/* Before the device is started. @xport_features are offered, too. */
void virtio_attach(struct virtio_device *v, struct virtio_xport *x, uint64_t xport_features);

/* Feature words of 32 bits; a word that does not exist reads 0 and ignores writes. */
uint32_t virtio_offered_word(const struct virtio_device *v, uint32_t sel);
uint32_t virtio_acked_word(const struct virtio_device *v, uint32_t sel);
void virtio_ack_word(struct virtio_device *v, uint32_t sel, uint32_t val);

uint8_t virtio_status(const struct virtio_device *v); /* any thread */
/*
 * 3.1.1: the driver moves the device along. FEATURES_OK sticks only if what was acked is offered
 * and consistent; DRIVER_OK without FEATURES_OK, or a bit taken back, is a violation (needs reset).
 * 0 resets: waits until no I/O is in flight. The transport then resets its own registers.
 */
void virtio_set_status(struct virtio_device *v, uint8_t val);

/* May the device read and write guest memory (bus mastering)? True at first. False waits until
 * no I/O is in flight; what the driver does meanwhile is looked at when it is true again. */
void virtio_allow_dma(struct virtio_device *v, bool allow);

/* Queue @n, or NULL where the device has none. */
struct virtio_queue *virtio_get_queue(struct virtio_device *v, uint32_t n);
/* May its addresses and size still be changed? Not once it is enabled, nor after DRIVER_OK but for
 * a queue that was reset. */
bool virtio_queue_is_open(const struct virtio_device *v, const struct virtio_queue *q);
/* Ignored before FEATURES_OK and for a queue that is not open. A ring that cannot be is found when
 * the device begins to run: needs reset. */
void virtio_queue_enable(struct virtio_device *v, uint32_t n);
/* 2.6.1, VIRTIO_F_RING_RESET: waits until nothing of the queue is in flight. Then it is as after a
 * reset and may be set up anew. Ignored if not negotiated. */
void virtio_queue_reset(struct virtio_device *v, uint32_t n);
/* 4.2.2.2, QueueReady = 0: the same, but before the next reset of the device it is not set up
 * again once DRIVER_OK is set. */
void virtio_queue_disable(struct virtio_device *v, uint32_t n);

/* Device configuration, of any offset and width: what is outside reads 0 and ignores writes. */
uint64_t virtio_read_config(struct virtio_device *v, uint32_t off, unsigned size);
void virtio_write_config(struct virtio_device *v, uint32_t off, unsigned size, uint64_t val);
/*
 * Differs from what it was if any byte of the configuration may have read differently in between
 * (2.5.3). It counts what the driver is shown, not what the device does: a change that happens
 * while the driver reads field after field cannot slip through between count and bytes.
 */
uint32_t virtio_config_generation(struct virtio_device *v);

/* What xport_ops.irq_queue_fd() says of queue @n (VIRTIO_ALL_QUEUES: of any) may have changed.
 * Waits for the loop if the queue is lent. */
void virtio_irq_changed(struct virtio_device *v, uint32_t n);

/* A kick that came as a register write: rings the eventfd a doorbell would. Ignored for a queue
 * that is not there and before DRIVER_OK. Any thread. */
void virtio_ring(struct virtio_device *v, uint32_t n);

#endif

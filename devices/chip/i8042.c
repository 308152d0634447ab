/* SPDX-License-Identifier: MIT */
/*
 * i8042.c: keyboard controller and keyboard.
 *
 *   0x60     read   output buffer          write  parameter of a controller command, else keyboard
 *   0x64     read   status                 write  controller command
 *   status   OBF 0, IBF 1 (never busy), SYS 2, A2 3, INH 4 (1: not locked), AUX 5, TIMEOUT 6,
 *            PARITY 7
 *   command byte   KBDINT 0, AUXINT 1, SYS 2, KBDDIS 4, AUXDIS 5, XLATE 6
 *
 * Bytes reach the one output buffer from two places: the controller's own reply, which goes first,
 * and the keyboard's queue, which waits while its clock is held (KBDDIS).
 *
 * This is a controller without an auxiliary port, which shows in every way there is to ask:
 * AUXDIS is stuck at 1 (A8 does not clear it), the interface test A9 reports the clock line as
 * stuck, D3 puts its byte in the buffer without the AUX flag, and a byte for the auxiliary device
 * (D4) times out. Linux (drivers/input/serio/i8042.c) needs D3 and A9 to be sure, and waits for
 * neither.
 *
 * The keyboard acknowledges scanning on and off, indicators and typematic rates, and as no key is
 * ever pressed they have no further effect. A20 is a bit to be read back: the line is never masked.
 */
#include "devices/chip/i8042.h"

#include <errno.h>

#include "vmm/bits.h"
#include "vmm/device.h"
#include "vmm/error.h"
#include "vmm/irq.h"
#include "vmm/power.h"
#include "vmm/snap.h"

#define STS_OBF     0x01u
#define STS_SYS     0x04u
#define STS_A2      0x08u
#define STS_INH     0x10u
#define STS_AUX     0x20u
#define STS_TIMEOUT 0x40u

#define CTR_KBDINT 0x01u
#define CTR_AUXINT 0x02u
#define CTR_SYS    0x04u
#define CTR_KBDDIS 0x10u
#define CTR_AUXDIS 0x20u
#define CTR_XLATE  0x40u

/* Commands at 0x64. The ones that take a parameter stay in s->pending until it comes. */
#define CMD_READ_RAM   0x20u /* to 0x3f */
#define CMD_WRITE_RAM  0x60u /* to 0x7f */
#define CMD_AUX_OFF    0xa7u
#define CMD_AUX_ON     0xa8u
#define CMD_AUX_TEST   0xa9u
#define CMD_SELF_TEST  0xaau
#define CMD_KBD_TEST   0xabu
#define CMD_KBD_OFF    0xadu
#define CMD_KBD_ON     0xaeu
#define CMD_READ_IN    0xc0u
#define CMD_READ_OUT   0xd0u
#define CMD_WRITE_OUT  0xd1u
#define CMD_WRITE_KOBF 0xd2u
#define CMD_WRITE_AOBF 0xd3u
#define CMD_WRITE_AUX  0xd4u
#define CMD_A20_OFF    0xddu
#define CMD_A20_ON     0xdfu
#define CMD_TEST_IN    0xe0u
#define CMD_PULSE      0xf0u /* to 0xff: pulls the output port's bits 3..0 low whose bit is 0 */

#define SELF_TEST_OK    0x55u
#define TEST_OK         0x00u
#define TEST_CLOCK_HIGH 0x02u

#define OUT_NORESET 0x01u
#define OUT_A20     0x02u
#define OUT_OBF     0x10u /* drives IRQ 1 */
#define OUT_LINES   0xc0u /* keyboard data and clock, released */

#define IN_UNLOCKED 0x80u

/* Keyboard */
#define KBD_ACK      0xfau
#define KBD_RESEND   0xfeu
#define KBD_BAT_OK   0xaau
#define KBD_ECHO     0xeeu
#define KBD_QUEUE    16u
#define KBD_SET_DFLT 2u

struct i8042 {
	struct device dev;
	struct io_region regions[I8042_REGIONS];
	struct irq_line *irq;
	struct power_sink *power;
	bool line;

	/* what a snapshot holds */
	uint8_t ram[32]; /* ram[0] is the command byte */
	uint8_t status;  /* OBF, SYS, A2, AUX and TIMEOUT; the last two go with the byte in obuf */
	uint8_t obuf;
	uint8_t reply, reply_status; /* the controller's answer in waiting; its AUX and TIMEOUT */
	bool reply_full;
	uint8_t pending; /* controller command that waits for its parameter; 0: none */
	uint8_t out_port;

	uint8_t kbd_queue[KBD_QUEUE];
	uint8_t kbd_head, kbd_cnt;
	uint8_t kbd_pending; /* keyboard command that waits for its parameter; 0: none */
	uint8_t kbd_last;    /* for Resend */
	uint8_t kbd_set;     /* scan-code set 1, 2, 3 */
};

static struct i8042 *to_kbc(struct device *d)
{
	return container_of(d, struct i8042, dev);
}

/*
 * The controller's translation of set 2 to set 1 does not know a scan code from a reply. Of what
 * this keyboard sends it changes the second byte of the ID and the number of the scan-code set;
 * codes above 0x84 pass.
 */
static uint8_t translate(uint8_t code)
{
	switch (code) {
	case 0x01:
		return 0x43;
	case 0x02:
	case 0x83:
		return 0x41;
	case 0x03:
		return 0x3f;
	default:
		return code;
	}
}

/* --- output buffer ---------------------------------------------------------------------------- */

/* IRQ 1 is the output port's bit 4: a byte that is not the auxiliary device's, KBDINT on. */
static void update_irq(struct i8042 *s)
{
	bool level = (s->status & (STS_OBF | STS_AUX)) == STS_OBF && (s->ram[0] & CTR_KBDINT);

	if (level == s->line)
		return;
	s->line = level;
	irq_set(s->irq, level);
}

/* Fills an empty output buffer from whoever has something. */
static void refill(struct i8042 *s)
{
	if (s->status & STS_OBF)
		return;
	if (s->reply_full) {
		s->reply_full = false;
		s->obuf = s->reply;
		s->status = (uint8_t)((s->status & ~(STS_AUX | STS_TIMEOUT)) | STS_OBF |
				      s->reply_status);
	} else if (s->kbd_cnt && !(s->ram[0] & CTR_KBDDIS)) {
		uint8_t code = s->kbd_queue[s->kbd_head];

		s->kbd_head = (s->kbd_head + 1) % KBD_QUEUE;
		s->kbd_cnt--;
		s->obuf = s->ram[0] & CTR_XLATE ? translate(code) : code;
		s->status = (uint8_t)((s->status & ~(STS_AUX | STS_TIMEOUT)) | STS_OBF);
	}
	update_irq(s);
}

/* The controller has one answer in hand; a host that asks again without reading
 * gets the later one. */
static void reply(struct i8042 *s, uint8_t byte, uint8_t status)
{
	s->reply = byte;
	s->reply_status = status;
	s->reply_full = true;
	refill(s);
}

/* The line falls between two bytes, so that each is an edge. */
static uint8_t read_data(struct i8042 *s)
{
	uint8_t val = s->obuf;

	s->status &= (uint8_t)~STS_OBF;
	update_irq(s);
	refill(s);
	return val;
}

/* --- keyboard --------------------------------------------------------------------------------- */

/* A full queue drops: a host that sends commands and reads no answers has no use for them. */
static void kbd_put(struct i8042 *s, uint8_t byte)
{
	s->kbd_last = byte;
	if (s->kbd_cnt == KBD_QUEUE)
		return;
	s->kbd_queue[(s->kbd_head + s->kbd_cnt) % KBD_QUEUE] = byte;
	s->kbd_cnt++;
}

static void kbd_defaults(struct i8042 *s)
{
	s->kbd_cnt = 0;
	s->kbd_pending = 0;
	s->kbd_set = KBD_SET_DFLT;
}

static void kbd_parameter(struct i8042 *s, uint8_t cmd, uint8_t val)
{
	if (cmd == 0xf0 && val > 3) {
		kbd_put(s, KBD_RESEND);
		return;
	}
	kbd_put(s, KBD_ACK);
	if (cmd != 0xf0)
		return;
	if (val)
		s->kbd_set = val;
	else
		kbd_put(s, s->kbd_set);
}

static void kbd_command(struct i8042 *s, uint8_t cmd)
{
	switch (cmd) {
	case 0xed: /* Set/Reset Status Indicators */
	case 0xf0: /* Select Alternate Scan Codes */
	case 0xf3: /* Set Typematic Rate/Delay */
	case 0xfb: /* Set Key Type: Typematic, Make/Break, Make; of one key */
	case 0xfc:
	case 0xfd:
		s->kbd_pending = cmd;
		kbd_put(s, KBD_ACK);
		break;
	case 0xee: /* Echo */
		kbd_put(s, KBD_ECHO);
		break;
	case 0xf2: /* Read ID */
		kbd_put(s, KBD_ACK);
		kbd_put(s, 0xab);
		kbd_put(s, 0x83);
		break;
	case 0xf4: /* Enable: clears the output buffer */
		s->kbd_cnt = 0;
		kbd_put(s, KBD_ACK);
		break;
	case 0xf5: /* Default Disable */
	case 0xf6: /* Set Default */
		kbd_defaults(s);
		kbd_put(s, KBD_ACK);
		break;
	case 0xf7: /* Set All Keys to a type */
	case 0xf8:
	case 0xf9:
	case 0xfa:
		kbd_put(s, KBD_ACK);
		break;
	case 0xfe: /* Resend */
		kbd_put(s, s->kbd_last);
		break;
	case 0xff: /* Reset: acknowledge, then the basic assurance test, passed */
		kbd_defaults(s);
		kbd_put(s, KBD_ACK);
		kbd_put(s, KBD_BAT_OK);
		break;
	default: /* "the keyboard issues a Resend when it receives an invalid input" */
		kbd_put(s, KBD_RESEND);
		break;
	}
}

/* A command where a parameter should be is a command: parameters have bit 7 clear. */
static void kbd_write(struct i8042 *s, uint8_t val)
{
	uint8_t cmd = s->kbd_pending;

	s->kbd_pending = 0;
	if (cmd && !(val & 0x80))
		kbd_parameter(s, cmd, val);
	else
		kbd_command(s, val);
	refill(s);
}

/* --- controller ------------------------------------------------------------------------------- */

static void set_ctr(struct i8042 *s, unsigned val)
{
	s->ram[0] = (uint8_t)((val | CTR_AUXDIS) & ~CTR_AUXINT);
	/* SYS of the command byte is "written to the system flag of the status register" */
	s->status = (uint8_t)((s->status & ~STS_SYS) | (val & CTR_SYS ? STS_SYS : 0));
	update_irq(s);
	refill(s);
}

static void set_out_port(struct i8042 *s, uint8_t val)
{
	s->out_port = val & OUT_A20;
	if (!(val & OUT_NORESET))
		power_request(s->power, POWER_RESET, 0);
}

static uint8_t out_port(const struct i8042 *s)
{
	return (uint8_t)(OUT_LINES | OUT_NORESET | s->out_port | (s->line ? OUT_OBF : 0));
}

static void ctl_parameter(struct i8042 *s, uint8_t cmd, uint8_t val)
{
	switch (cmd) {
	case CMD_WRITE_RAM:
		set_ctr(s, val);
		break;
	case CMD_WRITE_OUT:
		set_out_port(s, val);
		break;
	case CMD_WRITE_KOBF:
	case CMD_WRITE_AOBF:
		reply(s, val, 0);
		break;
	case CMD_WRITE_AUX:
		reply(s, KBD_RESEND, STS_AUX | STS_TIMEOUT);
		break;
	default:
		s->ram[cmd - CMD_WRITE_RAM] = val;
		break;
	}
}

static bool takes_parameter(uint8_t cmd)
{
	return (cmd & 0xe0) == CMD_WRITE_RAM || (cmd >= CMD_WRITE_OUT && cmd <= CMD_WRITE_AUX);
}

static void ctl_command(struct i8042 *s, uint8_t cmd)
{
	s->pending = takes_parameter(cmd) ? cmd : 0;
	if (s->pending)
		return;
	if ((cmd & 0xe0) == CMD_READ_RAM) {
		reply(s, s->ram[cmd - CMD_READ_RAM], 0);
		return;
	}
	if (cmd >= CMD_PULSE) {
		if (!(cmd & OUT_NORESET))
			power_request(s->power, POWER_RESET, 0);
		return;
	}
	switch (cmd) {
	case CMD_AUX_TEST:
		reply(s, TEST_CLOCK_HIGH, 0);
		break;
	case CMD_SELF_TEST:
		s->status |= STS_SYS;
		reply(s, SELF_TEST_OK, 0);
		break;
	case CMD_KBD_TEST:
		reply(s, TEST_OK, 0);
		break;
	case CMD_KBD_OFF:
		s->ram[0] |= CTR_KBDDIS;
		break;
	case CMD_KBD_ON:
		s->ram[0] &= (uint8_t)~CTR_KBDDIS;
		refill(s);
		break;
	case CMD_READ_IN:
		reply(s, IN_UNLOCKED, 0);
		break;
	case CMD_READ_OUT:
		reply(s, out_port(s), 0);
		break;
	case CMD_A20_OFF:
		s->out_port = 0;
		break;
	case CMD_A20_ON:
		s->out_port = OUT_A20;
		break;
	case CMD_TEST_IN: /* T0: keyboard clock, T1: keyboard data; both released */
		reply(s, 0x03, 0);
		break;
	default: /* AUX_OFF and AUX_ON: there is nothing to switch; others: no such command */
		break;
	}
}

/* "Writing data to 60h enables the keyboard": the controller must clock it out. */
static void data_write(struct i8042 *s, uint8_t val)
{
	uint8_t cmd = s->pending;

	s->status &= (uint8_t)~STS_A2;
	s->pending = 0;
	if (cmd) {
		ctl_parameter(s, cmd, val);
	} else {
		s->ram[0] &= (uint8_t)~CTR_KBDDIS;
		kbd_write(s, val);
	}
}

static uint64_t kbc_read(struct io_region *r, uint32_t off, unsigned size)
{
	struct i8042 *s = to_kbc(r->dev);

	(void)off;
	(void)size;
	return r->index == I8042_DATA ? read_data(s) : s->status | STS_INH;
}

static void kbc_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	struct i8042 *s = to_kbc(r->dev);

	(void)off;
	(void)size;
	if (r->index == I8042_DATA) {
		data_write(s, (uint8_t)val);
	} else {
		s->status |= STS_A2;
		ctl_command(s, (uint8_t)val);
	}
}

static const struct region_ops kbc_region_ops = { 1, 1, kbc_read, kbc_write };

/* --- device ----------------------------------------------------------------------------------- */

/*
 * As a PC's firmware leaves it: self test passed, keyboard enabled, translation and interrupt on.
 * Linux turns its own translation on if it finds the controller's off.
 */
static void kbc_reset(struct device *d)
{
	struct i8042 *s = to_kbc(d);

	for (unsigned i = 0; i < ARRAY_LEN(s->ram); i++)
		s->ram[i] = 0;
	s->ram[0] = CTR_XLATE | CTR_AUXDIS | CTR_SYS | CTR_KBDINT;
	s->status = STS_SYS;
	s->obuf = 0;
	s->reply_full = false;
	s->reply = s->reply_status = 0;
	s->pending = 0;
	s->out_port = OUT_A20;
	s->kbd_head = 0;
	s->kbd_last = KBD_BAT_OK;
	kbd_defaults(s);
	update_irq(s);
}

static int kbc_start(struct device *d, struct error **errp)
{
	struct i8042 *s = to_kbc(d);

	(void)errp;
	device_lock(d);
	update_irq(s);
	irq_set(s->irq, s->line);
	device_unlock(d);
	return 0;
}

static bool kbd_takes_parameter(uint8_t cmd)
{
	return cmd == 0xed || cmd == 0xf0 || cmd == 0xf3 || (cmd >= 0xfb && cmd <= 0xfd);
}

static int kbc_post_load(void *state, unsigned version, struct error **errp)
{
	struct i8042 *s = state;

	(void)version;
	if (s->kbd_head >= KBD_QUEUE || s->kbd_cnt > KBD_QUEUE)
		return err_set(errp, EINVAL,
			       "keyboard '%s': queue of %u bytes at %u is out of range", s->dev.id,
			       s->kbd_cnt, s->kbd_head);
	if ((s->pending && !takes_parameter(s->pending)) ||
	    (s->kbd_pending && !kbd_takes_parameter(s->kbd_pending)))
		return err_set(errp, EINVAL,
			       "keyboard '%s': waits for the parameter of no command (%#x, %#x)",
			       s->dev.id, s->pending, s->kbd_pending);
	if (!s->kbd_set || s->kbd_set > 3 || (s->out_port & ~OUT_A20) ||
	    (s->status & ~(STS_OBF | STS_SYS | STS_A2 | STS_AUX | STS_TIMEOUT)) ||
	    (s->reply_status & ~(STS_AUX | STS_TIMEOUT)) ||
	    (s->ram[0] & (CTR_AUXDIS | CTR_AUXINT)) != CTR_AUXDIS)
		return err_set(errp, EINVAL, "keyboard '%s': a register holds what it cannot hold",
			       s->dev.id);
	return 0;
}

static const struct snap_field kbc_fields[] = {
	SNAP_ARR(struct i8042, ram, 1),       SNAP(struct i8042, status, 1),
	SNAP(struct i8042, obuf, 1),          SNAP(struct i8042, reply, 1),
	SNAP(struct i8042, reply_status, 1),  SNAP(struct i8042, reply_full, 1),
	SNAP(struct i8042, pending, 1),       SNAP(struct i8042, out_port, 1),
	SNAP_ARR(struct i8042, kbd_queue, 1), SNAP(struct i8042, kbd_head, 1),
	SNAP(struct i8042, kbd_cnt, 1),       SNAP(struct i8042, kbd_pending, 1),
	SNAP(struct i8042, kbd_last, 1),      SNAP(struct i8042, kbd_set, 1),
};

static const struct snap_desc kbc_state = {
	.version = 1,
	.min_version = 1,
	.f = kbc_fields,
	.n = ARRAY_LEN(kbc_fields),
	.post_load = kbc_post_load,
};

static const struct device_ops kbc_ops = {
	.name = "i8042",
	.reset = kbc_reset,
	.start = kbc_start,
	.destroy = device_free,
	.state = &kbc_state,
};

int i8042_create(const struct i8042_config *cfg, struct i8042 **ret, struct error **errp)
{
	static const char *const names[I8042_REGIONS] = { "i8042 data", "i8042 command" };
	struct i8042 *s;

	if (!cfg->power)
		return err_set(errp, EINVAL, "keyboard '%s' has no reset line", cfg->id);
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_errno(errp, ENOMEM, "creating keyboard '%s'", cfg->id);
	for (unsigned i = 0; i < I8042_REGIONS; i++)
		s->regions[i] =
			(struct io_region){ .ops = &kbc_region_ops, .name = names[i], .len = 1 };
	device_init(&s->dev, &kbc_ops, cfg->id, s->regions, I8042_REGIONS);
	s->irq = cfg->irq ? cfg->irq : &irq_none;
	s->power = cfg->power;
	device_reset(&s->dev);
	*ret = s;
	return 0;
}

struct device *i8042_device(struct i8042 *s)
{
	return &s->dev;
}

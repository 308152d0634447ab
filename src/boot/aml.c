/* SPDX-License-Identifier: MIT */
/* aml.c: writes ACPI Machine Language. Section numbers are of ACPI 6.4. */
#include "boot/aml.h"

#include <assert.h>
#include <string.h>

#include "vmm/bits.h"
#include "vmm/endian.h"

/* 20.3: byte stream encodings. */
enum {
	OP_ZERO = 0x00,
	OP_ONE = 0x01,
	OP_NAME = 0x08,
	OP_BYTE = 0x0a,
	OP_WORD = 0x0b,
	OP_DWORD = 0x0c,
	OP_STRING = 0x0d,
	OP_QWORD = 0x0e,
	OP_SCOPE = 0x10,
	OP_BUFFER = 0x11,
	OP_PACKAGE = 0x12,
	OP_VAR_PACKAGE = 0x13,
	OP_METHOD = 0x14,
	OP_DUAL_NAME = 0x2e,
	OP_MULTI_NAME = 0x2f,
	OP_EXT = 0x5b,
	OP_ARG0 = 0x68,
	OP_STORE = 0x70,
	OP_OR = 0x7d,
	OP_EXT_DEVICE = 0x82,
	OP_CREATE_DWORD_FIELD = 0x8a,
	OP_LNOT = 0x92,
	OP_LEQUAL = 0x93,
	OP_IF = 0xa0,
	OP_RETURN = 0xa4,
};

/* --- bytes -------------------------------------------------------------------------------- */

static bool reserve(struct aml *a, size_t extra)
{
	size_t need, cap = a->cap ? a->cap : 256;
	uint8_t *p;

	if (a->failed || __builtin_add_overflow(a->len, extra, &need) || need > SIZE_MAX / 2) {
		a->failed = true;
		return false;
	}
	while (cap < need)
		cap *= 2;
	if (cap == a->cap)
		return true;
	p = realloc(a->buf, cap);
	if (!p) {
		a->failed = true;
		return false;
	}
	a->buf = p;
	a->cap = cap;
	return true;
}

void aml_raw(struct aml *a, const void *p, size_t len)
{
	if (!reserve(a, len) || !len)
		return;
	memcpy(a->buf + a->len, p, len);
	a->len += len;
}

static void byte(struct aml *a, unsigned v)
{
	uint8_t b = (uint8_t)v;

	aml_raw(a, &b, 1);
}

static void insert(struct aml *a, size_t at, const uint8_t *p, size_t len)
{
	if (!reserve(a, len))
		return;
	memmove(a->buf + at + len, a->buf + at, a->len - at);
	memcpy(a->buf + at, p, len);
	a->len += len;
}

uint8_t *aml_take(struct aml *a, size_t *len)
{
	uint8_t *p;

	assert(a->failed || !a->depth);
	reserve(a, 1); /* so that an empty program is not NULL */
	p = a->failed ? NULL : a->buf;
	*len = a->failed ? 0 : a->len;
	if (a->failed)
		free(a->buf);
	*a = (struct aml){ 0 };
	return p;
}

void aml_free(struct aml *a)
{
	free(a->buf);
	*a = (struct aml){ 0 };
}

/* --- names and numbers (20.2.2, 20.2.3) --------------------------------------------------- */

static bool lead_char(char c)
{
	return (c >= 'A' && c <= 'Z') || c == '_';
}

static bool name_char(char c)
{
	return lead_char(c) || (c >= '0' && c <= '9');
}

/* The next segment of *path, padded with '_' to four characters;
 * moves *path behind it and its dot. */
static void next_seg(const char **path, char seg[4])
{
	const char *p = *path;
	unsigned n = 0;

	assert(lead_char(*p));
	memset(seg, '_', 4);
	while (name_char(*p)) {
		assert(n < 4);
		seg[n++] = *p++;
	}
	assert(!*p || (*p == '.' && p[1]));
	*path = *p ? p + 1 : p;
}

void aml_path(struct aml *a, const char *path)
{
	unsigned segs = 0;
	char seg[4];

	if (*path == '\\')
		byte(a, (uint8_t)*path++);
	while (*path == '^')
		byte(a, (uint8_t)*path++);
	for (const char *p = path; *p; segs++)
		next_seg(&p, seg);
	assert(segs <= UINT8_MAX);
	if (segs == 0)
		byte(a, OP_ZERO); /* NullName: the root itself, or "^" alone */
	else if (segs == 2)
		byte(a, OP_DUAL_NAME);
	else if (segs > 2) {
		byte(a, OP_MULTI_NAME);
		byte(a, segs);
	}
	while (*path) {
		next_seg(&path, seg);
		aml_raw(a, seg, sizeof(seg));
	}
}

/* Ones is not used: it means 32 or 64 bits depending on the table's revision. */
static size_t encode_int(uint64_t v, uint8_t out[9])
{
	put_le64(out + 1, v);
	if (v <= 1) {
		out[0] = v ? OP_ONE : OP_ZERO;
		return 1;
	}
	if (v <= UINT8_MAX) {
		out[0] = OP_BYTE;
		return 2;
	}
	if (v <= UINT16_MAX) {
		out[0] = OP_WORD;
		return 3;
	}
	out[0] = v <= UINT32_MAX ? OP_DWORD : OP_QWORD;
	return v <= UINT32_MAX ? 5 : 9;
}

void aml_int(struct aml *a, uint64_t v)
{
	uint8_t b[9];

	aml_raw(a, b, encode_int(v, b));
}

void aml_string(struct aml *a, const char *s)
{
	for (const char *p = s; *p; p++)
		assert((unsigned char)*p < 0x80); /* AsciiChar := 0x01 - 0x7F */
	byte(a, OP_STRING);
	aml_raw(a, s, strlen(s) + 1);
}

static unsigned hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	return c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10) : 16;
}

bool aml_is_eisaid(const char *id)
{
	if (strlen(id) != 7)
		return false;
	for (unsigned i = 0; i < 3; i++)
		if (id[i] < 'A' || id[i] > 'Z')
			return false;
	for (unsigned i = 3; i < 7; i++)
		if (hex_digit(id[i]) > 15)
			return false;
	return true;
}

/* 6.1.5: five bits a letter, "A" is 1; then four digits; most significant byte first. */
void aml_eisaid(struct aml *a, const char *id)
{
	uint32_t v = 0;

	assert(aml_is_eisaid(id));
	for (unsigned i = 0; i < 3; i++)
		v = v << 5 | (uint32_t)(id[i] - '@');
	for (unsigned i = 3; i < 7; i++)
		v = v << 4 | hex_digit(id[i]);
	aml_int(a, __builtin_bswap32(v));
}

void aml_hid(struct aml *a, const char *id)
{
	if (aml_is_eisaid(id))
		aml_eisaid(a, id);
	else
		aml_string(a, id);
}

/* --- packages ----------------------------------------------------------------------------- */

static void begin(struct aml *a, enum aml_kind kind)
{
	if (a->depth == AML_MAX_DEPTH) {
		a->failed = true;
		return;
	}
	a->open[a->depth].start = a->len;
	a->open[a->depth++].kind = kind;
}

/*
 * 20.2.4: PkgLength counts itself. One byte holds up to 63; else bits 7-6 of the first say how many
 * follow, its low nibble is the least significant, and bits 5-4 are zero. Returns 0 if @body does
 * not fit in 28 bits.
 */
static size_t encode_pkg_len(uint64_t body, uint8_t out[4])
{
	size_t n = 1;
	uint64_t v;

	if (body + 1 <= 0x3f) {
		out[0] = (uint8_t)(body + 1);
		return 1;
	}
	while (++n <= 4 && body + n >= UINT64_C(1) << (4 + 8 * (n - 1)))
		;
	if (n > 4)
		return 0;
	v = body + n;
	out[0] = (uint8_t)((n - 1) << 6 | (v & 15));
	for (size_t i = 1; i < n; i++)
		out[i] = (uint8_t)(v >> (4 + 8 * (i - 1)));
	return n;
}

void aml_end(struct aml *a)
{
	uint8_t enc[9];
	size_t start, n;

	if (a->failed)
		return;
	assert(a->depth);
	a->depth--;
	start = a->open[a->depth].start;
	if (a->open[a->depth].kind == AML_TEMPLATE)
		aml_raw(a, "\x79", 2); /* 6.4.2.9: a checksum of 0 need not be checked */
	if (a->failed)
		return;
	if (a->open[a->depth].kind != AML_PACKAGE_LEN) /* BufferSize comes before the bytes */
		insert(a, start, enc, encode_int(a->len - start, enc));
	n = encode_pkg_len(a->len - start, enc);
	if (n)
		insert(a, start, enc, n);
	else
		a->failed = true;
}

void aml_scope(struct aml *a, const char *path)
{
	byte(a, OP_SCOPE);
	begin(a, AML_PACKAGE_LEN);
	aml_path(a, path);
}

void aml_device(struct aml *a, const char *path)
{
	byte(a, OP_EXT);
	byte(a, OP_EXT_DEVICE);
	begin(a, AML_PACKAGE_LEN);
	aml_path(a, path);
}

void aml_method(struct aml *a, const char *path, unsigned args, bool serialized)
{
	assert(args <= 7);
	byte(a, OP_METHOD);
	begin(a, AML_PACKAGE_LEN);
	aml_path(a, path);
	byte(a, args | (serialized ? 8u : 0)); /* 20.2.5.2: SyncLevel 0 */
}

void aml_package(struct aml *a, unsigned cnt)
{
	byte(a, cnt <= UINT8_MAX ? OP_PACKAGE : OP_VAR_PACKAGE);
	begin(a, AML_PACKAGE_LEN);
	if (cnt <= UINT8_MAX)
		byte(a, cnt);
	else
		aml_int(a, cnt);
}

void aml_buffer(struct aml *a)
{
	byte(a, OP_BUFFER);
	begin(a, AML_BUFFER);
}

void aml_template(struct aml *a)
{
	byte(a, OP_BUFFER);
	begin(a, AML_TEMPLATE);
}

void aml_name(struct aml *a, const char *path)
{
	byte(a, OP_NAME);
	aml_path(a, path);
}

void aml_if(struct aml *a)
{
	byte(a, OP_IF);
	begin(a, AML_PACKAGE_LEN);
}

void aml_return(struct aml *a)
{
	byte(a, OP_RETURN);
}

void aml_arg(struct aml *a, unsigned n)
{
	assert(n <= 6);
	byte(a, OP_ARG0 + n);
}

void aml_op(struct aml *a, enum aml_op op)
{
	static const uint8_t ops[] = {
		[AML_STORE] = OP_STORE,
		[AML_OR] = OP_OR,
		[AML_EQUAL] = OP_LEQUAL,
		[AML_NOT] = OP_LNOT,
		[AML_CREATE_DWORD_FIELD] = OP_CREATE_DWORD_FIELD,
	};

	byte(a, ops[op]);
}

/* 19.6.142: the first three groups are little-endian, the rest is as it reads. */
void aml_uuid(struct aml *a, const char *uuid)
{
	static const uint8_t order[] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
	uint8_t out[sizeof(order)];

	assert(strlen(uuid) == 36);
	for (unsigned i = 0; i < sizeof(order); i++) {
		unsigned hi, lo;

		if (*uuid == '-')
			uuid++;
		hi = hex_digit(*uuid++);
		lo = hex_digit(*uuid++);
		assert(hi < 16 && lo < 16);
		out[order[i]] = (uint8_t)(hi << 4 | lo);
	}
	aml_buffer(a);
	aml_raw(a, out, sizeof(out));
	aml_end(a);
}

/* --- resource descriptors ----------------------------------------------------------------- */

static void assert_in_template(const struct aml *a)
{
	assert(a->failed || (a->depth && a->open[a->depth - 1].kind == AML_TEMPLATE));
}

/* 6.4.2.5 */
void aml_res_io(struct aml *a, uint16_t base, uint8_t len)
{
	uint8_t d[8] = { 0x47, 1 /* 16-bit decode */ };

	assert_in_template(a);
	put_le16(d + 2, base); /* _MIN */
	put_le16(d + 4, base); /* _MAX: fixed */
	d[6] = 1;              /* _ALN */
	d[7] = len;
	aml_raw(a, d, sizeof(d));
}

/* 6.4.2.1: a mask of IRQ numbers; without the flags byte edge, high and exclusive are meant */
void aml_res_irq_no_flags(struct aml *a, unsigned irq)
{
	uint8_t d[3] = { 0x22 };

	assert_in_template(a);
	assert(irq < 16);
	put_le16(d + 1, (uint16_t)BIT(irq));
	aml_raw(a, d, sizeof(d));
}

void aml_res_irq(struct aml *a, unsigned irq, bool level, bool active_low, bool shared)
{
	uint8_t d[4] = { 0x23 };

	assert_in_template(a);
	assert(irq < 16);
	put_le16(d + 1, (uint16_t)BIT(irq));
	d[3] = (uint8_t)((level ? 0 : 1) | active_low << 3 | shared << 4);
	aml_raw(a, d, sizeof(d));
}

/* 6.4.3.6: bit 0 consumer, 1 edge, 2 active low, 3 shared */
void aml_res_interrupt(struct aml *a, uint32_t gsi, bool level, bool active_low, bool shared)
{
	uint8_t d[9] = { 0x89, 6, 0 };

	assert_in_template(a);
	d[3] = (uint8_t)(1 | (level ? 0 : 1) << 1 | active_low << 2 | shared << 3);
	d[4] = 1; /* one interrupt number */
	put_le32(d + 5, gsi);
	aml_raw(a, d, sizeof(d));
}

/* 6.4.3.4 */
void aml_res_mem32_fixed(struct aml *a, uint32_t base, uint32_t len, bool writable)
{
	uint8_t d[12] = { 0x86, 9, 0, writable };

	assert_in_template(a);
	put_le32(d + 4, base);
	put_le32(d + 8, len);
	aml_raw(a, d, sizeof(d));
}

/* 6.4.3.5.1 to .3: the three widths differ in the tag and in the size of five numbers. */
static void address_space(struct aml *a, uint8_t tag, unsigned width, enum aml_space space,
			  uint64_t base, uint64_t len, bool produced)
{
	const uint64_t last = base + len - 1;
	/* granularity, minimum, maximum, translation, length */
	const uint64_t num[5] = { 0, base, last, 0, len };
	uint8_t d[6] = { tag }, b[8];

	assert_in_template(a);
	assert(len && last >= base && last <= size_mask(width) && len <= size_mask(width));
	put_le16(d + 1, (uint16_t)(3 + 5 * width));
	d[3] = (uint8_t)space;
	/* General flags: bit 3 maximum fixed, 2 minimum fixed, 1 positive decode, 0 consumer. */
	d[4] = 0x0c | (produced ? 0 : 1);
	/* Type flags. Memory: read-write, not cacheable. I/O: entire range. */
	d[5] = space == AML_SPACE_MEMORY ? 0x01 : space == AML_SPACE_IO ? 0x03 : 0;
	aml_raw(a, d, sizeof(d));
	for (unsigned i = 0; i < ARRAY_LEN(num); i++) {
		put_le64(b, num[i]);
		aml_raw(a, b, width);
	}
}

void aml_res_word(struct aml *a, enum aml_space space, uint16_t base, uint32_t len, bool produced)
{
	address_space(a, 0x88, 2, space, base, len, produced);
}

void aml_res_dword(struct aml *a, enum aml_space space, uint32_t base, uint64_t len, bool produced)
{
	address_space(a, 0x87, 4, space, base, len, produced);
}

void aml_res_qword(struct aml *a, enum aml_space space, uint64_t base, uint64_t len, bool produced)
{
	address_space(a, 0x8a, 8, space, base, len, produced);
}

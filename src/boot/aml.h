/* SPDX-License-Identifier: MIT */
/*
 * aml.h: writes ACPI Machine Language (ACPI 6.4, chapter 20) and resource descriptors (6.4).
 *
 * Terms are appended in the order of the text they stand for; whatever has a package length is
 * opened by its function and closed by aml_end(), and the length is filled in then. A failure (no
 * memory, a package of 2^28 bytes, nesting too deep) latches: later calls do nothing and aml_take()
 * returns NULL. Names and shapes are ours: a malformed one is a bug (assert).
 *
 * What is given twice is left to the caller: the builder does not know the namespace.
 */
#ifndef BOOT_AML_H
#define BOOT_AML_H

#include "vmm/base.h"

#define AML_MAX_DEPTH 16

enum aml_kind { AML_PACKAGE_LEN, AML_BUFFER, AML_TEMPLATE };

struct aml {
	uint8_t *buf;
	size_t len, cap;
	bool failed;
	unsigned depth;
	struct {
		size_t start; /* where the package length goes */
		enum aml_kind kind;
	} open[AML_MAX_DEPTH];
};

/* Hands out the bytes (the caller frees) and resets @a. NULL if anything failed; at least one
 * byte is there otherwise, even for an empty program. All terms must be closed. */
uint8_t *aml_take(struct aml *a, size_t *len);
void aml_free(struct aml *a);

/* Bytes as they are. */
void aml_raw(struct aml *a, const void *p, size_t len);

/* --- things with a package length; each ends with aml_end() ----------------------------------- */

/*
 * Paths are written as in ASL: "\\_SB", "^PCI0.ISA", "COM1"; short segments are padded with "_".
 */
void aml_scope(struct aml *a, const char *path);
void aml_device(struct aml *a, const char *path);
void aml_method(struct aml *a, const char *path, unsigned args, bool serialized);
/* @cnt elements, which the caller appends. */
void aml_package(struct aml *a, unsigned cnt);
/* A buffer whose bytes are appended with aml_raw(). */
void aml_buffer(struct aml *a);
/* A buffer of resource descriptors, appended with the aml_res_*() below; its end tag is added. */
void aml_template(struct aml *a);
/* If (<the predicate appended next>) { <what follows> } */
void aml_if(struct aml *a);
void aml_end(struct aml *a);

/* --- simple terms ----------------------------------------------------------------------------- */

/* Name (path, <the data object appended next>) */
void aml_name(struct aml *a, const char *path);
void aml_int(struct aml *a, uint64_t v); /* in the fewest bytes */
void aml_string(struct aml *a, const char *s);
/* An object's name, as an expression. */
void aml_path(struct aml *a, const char *path);
void aml_return(struct aml *a);          /* Return (<the expression appended next>) */
void aml_arg(struct aml *a, unsigned n); /* Arg0 to Arg6 */

/* Operators, in front of their operands, which are appended next. */
enum aml_op {
	AML_STORE,              /* source, target */
	AML_OR,                 /* a, b, target */
	AML_EQUAL,              /* a, b */
	AML_NOT,                /* a */
	AML_CREATE_DWORD_FIELD, /* buffer, byte index, name */
};
void aml_op(struct aml *a, enum aml_op op);

/* A buffer as ToUUID() makes it of "33DB4D5B-1FF7-401C-9657-7441C03DD766" (19.6.142). */
void aml_uuid(struct aml *a, const char *uuid);

/* "PNP0501" as the 32-bit number that EISAID() makes of it (6.1.5, 19.6.36). */
void aml_eisaid(struct aml *a, const char *id);
/* True for three upper-case letters and four upper-case hexadecimal digits. */
bool aml_is_eisaid(const char *id);
/* A hardware id: an EISA id if it looks like one, else a string ("ACPI0007"). */
void aml_hid(struct aml *a, const char *id);

/* --- resource descriptors (6.4); only inside aml_template() ----------------------------------- */

/* Ports [base, base + len), len at most 255, all 16 address lines decoded (6.4.2.5). */
void aml_res_io(struct aml *a, uint16_t base, uint8_t len);
/* ISA interrupt, edge triggered, active high, exclusive (6.4.2.1, two-byte form). */
void aml_res_irq_no_flags(struct aml *a, unsigned irq);
/* ISA interrupt (6.4.2.1, three-byte form). */
void aml_res_irq(struct aml *a, unsigned irq, bool level, bool active_low, bool shared);
/* Any global system interrupt, consumed by the device (6.4.3.6). */
void aml_res_interrupt(struct aml *a, uint32_t gsi, bool level, bool active_low, bool shared);
/* Memory below 4 GiB (6.4.3.4). */
void aml_res_mem32_fixed(struct aml *a, uint32_t base, uint32_t len, bool writable);

enum aml_space { AML_SPACE_MEMORY = 0, AML_SPACE_IO = 1, AML_SPACE_BUS = 2 };

/*
 * Address space descriptors (6.4.3.5) for [base, base + len), fixed at both ends. @produced: a
 * bridge passes the range on to its children; otherwise the device uses it. Memory is read-write
 * and non-cacheable, I/O is the entire range.
 */
void aml_res_word(struct aml *a, enum aml_space space, uint16_t base, uint32_t len, bool produced);
void aml_res_dword(struct aml *a, enum aml_space space, uint32_t base, uint64_t len, bool produced);
void aml_res_qword(struct aml *a, enum aml_space space, uint64_t base, uint64_t len, bool produced);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * mc146818_date.h: days to dates of the Gregorian calendar and back, for any year from 0 on. Pure.
 */
#ifndef DEVICES_CHIP_MC146818_DATE_H
#define DEVICES_CHIP_MC146818_DATE_H

#include "vmm/base.h"

#define DATE_SEC_PER_DAY  UINT64_C(86400)
#define DATE_UNIX_SECONDS (UINT64_C(719528) * DATE_SEC_PER_DAY) /* 0000-01-01 to 1970-01-01 */

struct date {
	uint64_t year;
	unsigned month, day; /* 1..12, 1..31 */
};

/* @days since 0000-01-01; any value below 2^63. */
struct date date_from_days(uint64_t days);

/*
 * Days since 0000-01-01. A month beyond 12 and a day beyond the month's end carry on into the
 * months after; a month or a day of 0 counts as 1.
 */
uint64_t date_to_days(uint64_t year, unsigned month, unsigned day);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * mc146818_date.c: the calendar. Years are counted from 1 March, so that the leap day is the last
 * of its year and a month's first day is a linear function of its number.
 */
#include "devices/chip/mc146818_date.h"

#define DAYS_PER_400 146097u
#define DAYS_PER_100 36524u
#define DAYS_PER_4   1461u
/* 0000-01-01 is 60 days before 0000-03-01; one more cycle keeps the arithmetic above zero. */
#define SHIFT (DAYS_PER_400 - 60)

/* Days from 1 March to the first of the month @m months later. */
static unsigned month_start(unsigned m)
{
	return (153 * m + 2) / 5;
}

struct date date_from_days(uint64_t days)
{
	uint64_t n = days + SHIFT;
	uint64_t cycle = n / DAYS_PER_400;
	unsigned rest = (unsigned)(n % DAYS_PER_400);
	/* The last day of a 400-year cycle and of a leap year is one more than the rule has. */
	unsigned century = rest / DAYS_PER_100 < 4 ? rest / DAYS_PER_100 : 3;
	unsigned quad, year, month;
	struct date d;

	rest -= century * DAYS_PER_100;
	quad = rest / DAYS_PER_4;
	rest -= quad * DAYS_PER_4;
	year = rest / 365 < 4 ? rest / 365 : 3;
	rest -= year * 365;
	month = (5 * rest + 2) / 153;
	d.day = rest - month_start(month) + 1;
	d.month = month < 10 ? month + 3 : month - 9;
	d.year = cycle * 400 + century * 100 + quad * 4 + year - 400 + (month >= 10);
	return d;
}

uint64_t date_to_days(uint64_t year, unsigned month, unsigned day)
{
	unsigned m = month ? month - 1 : 0;
	uint64_t y = year + 400 + m / 12, cycle;
	unsigned in_cycle;

	m %= 12;
	y -= m < 2;
	m = (m + 10) % 12; /* from March */
	cycle = y / 400;
	in_cycle = (unsigned)(y % 400);
	return cycle * DAYS_PER_400 + in_cycle * 365 + in_cycle / 4 - in_cycle / 100 +
	       month_start(m) + (day ? day - 1 : 0) - SHIFT;
}

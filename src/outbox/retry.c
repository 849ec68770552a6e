/*
 * retry.c: when to try again.
 */
#include "outbox/retry.h"

#include <stdio.h>
#include <string.h>

/* Seconds before each attempt, as Standard Webhooks recommends. */
static const int64_t schedule[RETRY_ATTEMPTS] = {
	0, 5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600,
};

/* Returns how long to wait before an attempt. */
int64_t
commerce_retry_delay(int attempt, uint32_t random)
{
	if (attempt < 0 || attempt >= RETRY_ATTEMPTS)
		return -1;
	/* From 800,000 to 1,200,000 microseconds a second. */
	return schedule[attempt] * (800000 + (int64_t) (random % 400001));
}

/* Returns the days from 1970-01-01 to a date of the Gregorian calendar. */
static int64_t
days_of(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = y / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* Reads "Sun, 06 Nov 1994 08:49:37 GMT". */
static bool
read_date(const char *value, int64_t *moment)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char weekday[4], month[4], zone[4];
	int day, year, hour, minute, second, used = 0;
	const char *found;

	if (sscanf(value, "%3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d %3[A-Z]%n", weekday, &day, month, &year,
			   &hour, &minute, &second, zone, &used) != 8 ||
		value[used] != '\0' || strcmp(zone, "GMT") != 0 || strlen(month) != 3)
		return false;
	found = strstr(names, month);
	if (found == NULL || (found - names) % 3 != 0 || day < 1 || day > 31 || year < 1970 || hour < 0 ||
		hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
		return false;
	*moment = days_of(year, (int) (found - names) / 3 + 1, day) * 86400 + hour * 3600 + minute * 60 + second;
	return true;
}

/* Reads a Retry-After header. */
bool
commerce_retry_after(const char *value, int64_t now, int64_t *seconds)
{
	size_t length = strspn(value, "0123456789");
	int64_t moment;

	*seconds = 0;
	if (length > 0)
	{
		if (value[length] != '\0')
			return false;
		for (size_t i = 0; i < length && *seconds < RETRY_AFTER_MAX; i++)
			*seconds = *seconds * 10 + (value[i] - '0');
	}
	else if (read_date(value, &moment))
		*seconds = moment > now ? moment - now : 0;
	else
		return false;
	if (*seconds > RETRY_AFTER_MAX)
		*seconds = RETRY_AFTER_MAX;
	return true;
}

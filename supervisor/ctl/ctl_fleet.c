/* SPDX-License-Identifier: ISC */
/*
 * The fleet in words (see ctl_fleet.h).
 */
#include "supervisor/ctl/ctl_fleet.h"

#include <string.h>

#include "supervisor/ctl/ctl.h"
#include "supervisor/ctl/ctl_text.h"

/* The leader publishes twice a second, a node reads that once a second and the
 * list of members every second time. */
#define FRESH_MS 3000

void
ctl_fleet_leader(const json_t *fleet, struct textbuf *out)
{
	const char *leader = ctl_text(fleet, "leader");

	if (json_is_true(json_object_get(fleet, "leads")))
		textbuf_puts(out, ", led by this node");
	else if (leader[0] != '\0')
		textbuf_printf(out, ", led by %s", leader);
}

void
ctl_fleet_age(const json_t *fleet, struct textbuf *out)
{
	char age[CTL_NUMBER_SIZE];

	if (!json_is_integer(json_object_get(fleet, "age_ms"))) {
		/* What there is comes from the disk. */
		textbuf_puts(out,
		    "of an earlier life, no leader has been "
		    "heard since");
		return;
	}
	if (ctl_int(fleet, "age_ms") <= FRESH_MS)
		return;
	ctl_text_duration((uint64_t)ctl_int(fleet, "age_ms"), age);
	textbuf_printf(out, "%s old, %s", age,
	    strcmp(ctl_text(fleet, "redis"), "ready") == 0 ?
		"no leader has published since" :
		"Redis cannot be reached");
}

/* ", missing: 2 (n1, n2)" */
static void
put_missing(const json_t *fleet, struct textbuf *out)
{
	long long expired = (long long)ctl_int(fleet, "expired");

	if (expired > 0)
		textbuf_printf(out, ", missing: %lld (%s)", expired,
		    ctl_text(fleet, "missing"));
}

/* Then no node is ever declared dead, and there is nothing to acknowledge. */
static bool
is_never(const json_t *fleet)
{
	return json_is_integer(
		   json_object_get(fleet, "max_failovers_per_hour")) &&
	    ctl_int(fleet, "max_failovers_per_hour") == 0;
}

static void
put_hold(const json_t *fleet, const char *hold, struct textbuf *out)
{
	const char *paused = ctl_text(fleet, "paused");

	textbuf_puts(out, hold);
	if (strcmp(hold, "unsettled") == 0)
		textbuf_puts(out,
		    ", for one lease after Redis came, came back or changed "
		    "its clock");
	else if (strcmp(hold, "flapping") == 0)
		textbuf_puts(out,
		    is_never(fleet) ?
			", max_failovers_per_hour is 0" :
			", no more may be declared dead within the hour");
	if (strcmp(hold, "paused") == 0)
		textbuf_printf(out, " by %s", paused);
	else if (paused[0] != '\0')
		textbuf_printf(out, ", paused by %s", paused);
	put_missing(fleet, out);
	if (strcmp(hold, "mass_expiry") == 0)
		textbuf_puts(out, "; `holdfastctl ack' has them declared dead");
	else if (strcmp(hold, "flapping") == 0 && !is_never(fleet))
		textbuf_puts(out, "; `holdfastctl ack' goes on");
	if (paused[0] != '\0')
		textbuf_puts(out, "; `holdfastctl resume' ends the pause");
}

void
ctl_fleet_failover(const json_t *fleet, struct textbuf *out)
{
	const char *hold = ctl_text(fleet, "hold");
	char left[CTL_NUMBER_SIZE];

	if (hold[0] == '\0')
		textbuf_puts(out, "not known, no leader has been heard yet");
	else if (ctl_int(fleet, "age_ms") > FRESH_MS)
		textbuf_printf(out, "not known, it was %s", hold);
	else
		put_hold(fleet, hold, out);
	if (ctl_int(fleet, "storm_left_ms") <= 0)
		return;
	ctl_text_duration((uint64_t)ctl_int(fleet, "storm_left_ms"), left);
	textbuf_printf(out, ", storm ends in %s", left);
}

void
ctl_fleet_ack(const json_t *result, struct textbuf *out)
{
	const char *hold = ctl_text(result, "hold");
	const char *missing = ctl_text(result, "missing");
	bool is_flapping = strcmp(hold, "flapping") == 0;

	if (is_flapping && is_never(result))
		textbuf_puts(out,
		    "no node is ever declared dead: "
		    "membership.max_failovers_per_hour is 0");
	else if (is_flapping || strcmp(hold, "mass_expiry") == 0)
		textbuf_printf(out,
		    "acknowledged (%s): %s may be declared dead", hold,
		    missing[0] == '\0' ? "more nodes" : missing);
	else if (strcmp(hold, "paused") == 0)
		textbuf_printf(out,
		    "no node was held back but by the pause of %s, which goes "
		    "on",
		    ctl_text(result, "paused"));
	else
		textbuf_printf(out, "no node was held back: failover %s", hold);
}

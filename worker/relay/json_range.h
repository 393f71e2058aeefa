/* SPDX-License-Identifier: ISC */
/*
 * Finds where the elements of a JSON array stand in its text, so that a client
 * can be sent an element byte for byte as the sender wrote it.  Pure.
 */
#ifndef HOLDFAST_RELAY_JSON_RANGE_H
#define HOLDFAST_RELAY_JSON_RANGE_H

#include <stddef.h>

struct json_range {
	size_t offset;
	size_t len;
};

/*
 * text is an array that a strict parser has accepted and found to have `count`
 * elements.  Fills out_ranges[count], blanks around elements left out.
 * -EINVAL when the text is no array or has another number of elements; never
 * reads beyond len, whatever the text is.
 */
int json_range_split(const char *text, size_t len, size_t count,
    struct json_range *out_ranges) __attribute__((warn_unused_result));

#endif

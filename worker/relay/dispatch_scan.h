/* SPDX-License-Identifier: ISC */
/*
 * The short way through a dispatch document: most are plain, and little of them
 * is needed.  Pure; dispatch_body.c calls it.
 */
#ifndef HOLDFAST_RELAY_DISPATCH_SCAN_H
#define HOLDFAST_RELAY_DISPATCH_SCAN_H

#include <stdbool.h>
#include <stddef.h>

struct dispatch_doc;

/* true: it is a single document that dispatch_body_read() takes, too, and *out
 * is what that would make of it.  false says nothing: ask the other. */
bool dispatch_scan(const char *bytes, size_t len, struct dispatch_doc *out);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * Finds the whole numbers in config text that libconfig would misread: version
 * 1.5 silently cuts 5000000000 to 32 bits unless an L follows it. Pure; called
 * by lib/conf_file.c.
 */
#ifndef HOLDFAST_LIB_CONF_SCAN_H
#define HOLDFAST_LIB_CONF_SCAN_H

/*
 * Returns 0, or the line (from 1) of the first number that does not fit in 32
 * bits, or in 64 bits with its L.
 */
unsigned conf_scan_big_number(const char *text);

#endif

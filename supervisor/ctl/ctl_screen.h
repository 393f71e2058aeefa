/* SPDX-License-Identifier: ISC */
/*
 * The terminal while top runs: the alternate screen, keys without Enter, and
 * all of it put back at the end, also after a signal.
 */
#ifndef HOLDFAST_CTL_CTL_SCREEN_H
#define HOLDFAST_CTL_CTL_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

/* -errno: stdin and stdout are no terminal that can do it. */
int ctl_screen_open(void) __attribute__((warn_unused_result));
void ctl_screen_close(void);

/* Shows a text in place of what was there, cut to the size of the screen. */
void ctl_screen_draw(const char *text);

/* Waits; false: the user wants to leave (q, or a signal). */
bool ctl_screen_wait(uint64_t until_ms);

#endif

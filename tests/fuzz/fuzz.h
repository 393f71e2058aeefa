/* SPDX-License-Identifier: ISC */
/*
 * The one function that a fuzz target defines.  libFuzzer calls it in
 * build/fuzz; tests/fuzz/replay.c calls it on the seeds in all other builds.
 */
#ifndef HOLDFAST_FUZZ_FUZZ_H
#define HOLDFAST_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#endif

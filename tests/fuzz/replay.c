/* SPDX-License-Identifier: ISC */
/*
 * Runs a fuzz target over the files named as arguments, one by one, in a
 * build without libFuzzer: so the seeds, and the inputs that once crashed a
 * parser, are replayed by `make test' with every compiler and sanitizer.
 */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

static int
replay(const char *path)
{
	uint8_t *data;
	size_t size;
	long end;
	FILE *f;

	f = fopen(path, "rb");
	if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (end = ftell(f)) < 0) {
		perror(path);
		return 1;
	}
	rewind(f);
	/* exactly as large as the input, so that sanitizers see an overrun */
	size = (size_t)end;
	data = malloc(size > 0 ? size : 1);
	if (data == NULL || fread(data, 1, size, f) != size) {
		perror(path);
		return 1;
	}
	fclose(f);
	fprintf(stderr, "replay: %s\n", path);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 0;
}

int
main(int argc, char **argv)
{
	int failed = 0;

	for (int i = 1; i < argc; i++)
		failed |= replay(argv[i]);
	return failed;
}

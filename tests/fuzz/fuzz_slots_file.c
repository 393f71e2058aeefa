/* SPDX-License-Identifier: ISC */
/*
 * The list of slots that a supervisor finds in its run directory: what is taken
 * is written and must read back as the same; what is refused leaves nothing.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "supervisor/slot/slots_file.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct slots_file file, again;
	struct textbuf text, second;
	char *bytes = malloc(size + 1);

	if (bytes == NULL)
		return 0;
	memcpy(bytes, data, size);
	bytes[size] = '\0';
	memset(&file, 0x5a, sizeof(file));
	again = file;
	textbuf_init(&text, SLOTS_FILE_MAX_BYTES);
	textbuf_init(&second, SLOTS_FILE_MAX_BYTES);
	if (slots_file_parse(bytes, &file) != 0) {
		if (memcmp(&file, &again, sizeof(file)) != 0)
			abort();
	} else {
		slots_file_format(&file, &text);
		if (textbuf_error(&text) != 0 ||
		    slots_file_parse(textbuf_text(&text), &again) != 0)
			abort();
		slots_file_format(&again, &second);
		if (strcmp(textbuf_text(&text), textbuf_text(&second)) != 0)
			abort();
	}
	textbuf_clear(&text);
	textbuf_clear(&second);
	free(bytes);
	return 0;
}

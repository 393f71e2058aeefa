/* SPDX-License-Identifier: ISC */
/*
 * Lines of /metrics (see metrics_text.h).
 */
#include "supervisor/metrics_text.h"

void
metrics_describe(struct textbuf *out, const char *name, const char *type,
    const char *help)
{
	textbuf_printf(out, "# HELP holdfast_%s %s\n# TYPE holdfast_%s %s\n",
	    name, help, name, type);
}

void
metrics_gauge(struct textbuf *out, const char *name, const char *help,
    double value)
{
	metrics_describe(out, name, "gauge", help);
	textbuf_printf(out, "holdfast_%s %.15g\n", name, value);
}

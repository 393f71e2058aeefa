/* SPDX-License-Identifier: ISC */
/*
 * The layout of a version of holdfast that never was (see older.c).
 */
#ifndef HOLDFAST_LAYOUT_OLDER_H
#define HOLDFAST_LAYOUT_OLDER_H

#include "proto/table_layout.h"

extern const struct table_layout table_layout_older;

#endif

// SPDX-License-Identifier: GPL-2.0-only

#define FAULT off_by_one
#include "seeded.h"

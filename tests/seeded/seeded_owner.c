// SPDX-License-Identifier: GPL-2.0-only

#define FAULT owner
#include "seeded.h"

// SPDX-License-Identifier: GPL-2.0-only

#define FAULT leak
#include "seeded.h"

// SPDX-License-Identifier: GPL-2.0-only

#define FAULT unchecked
#include "seeded.h"

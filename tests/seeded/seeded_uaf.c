// SPDX-License-Identifier: GPL-2.0-only

#define FAULT uaf
#include "seeded.h"

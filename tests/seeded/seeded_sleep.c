// SPDX-License-Identifier: GPL-2.0-only

#define FAULT sleep
#include "seeded.h"

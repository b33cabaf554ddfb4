// SPDX-License-Identifier: GPL-2.0-only

#define FAULT none
#include "seeded.h"

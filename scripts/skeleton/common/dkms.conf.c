# SPDX-License-Identifier: GPL-2.0-only
#
# Builds the module for each kernel that is installed: copy this folder to
# /usr/src/skeleton-0.1.0, then `dkms install skeleton/0.1.0`.

PACKAGE_NAME="skeleton"
PACKAGE_VERSION="0.1.0"
AUTOINSTALL="yes"

MAKE[0]="make -C $kernel_source_dir M=$dkms_tree/$PACKAGE_NAME/$PACKAGE_VERSION/build modules"
CLEAN="make -C $kernel_source_dir M=$dkms_tree/$PACKAGE_NAME/$PACKAGE_VERSION/build clean"
BUILT_MODULE_NAME[0]="skeleton"
DEST_MODULE_LOCATION[0]="/extra"

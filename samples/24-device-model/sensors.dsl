// SPDX-License-Identifier: GPL-2.0-only

// Thermometers for the guests of platform.ko. sensors.aml is this, compiled: iasl sensors.dsl
DefinitionBlock ("", "SSDT", 2, "LKMPG", "SENSORS", 1)
{
    Scope (\_SB)
    {
        Device (TMP0)
        {
            Name (_HID, "LKMP0001")
            Name (_DSD, Package () {
                ToUUID ("daffd814-6eba-4d8c-8a91-bc9bbf4aa301"),
                Package () {
                    Package () { "label", "door" },
                    Package () { "limit-celsius", 42 },
                }
            })
        }

        // Its firmware lies.
        Device (TMP1)
        {
            Name (_HID, "LKMP0001")
            Name (_DSD, Package () {
                ToUUID ("daffd814-6eba-4d8c-8a91-bc9bbf4aa301"),
                Package () {
                    Package () { "label", "oven" },
                    Package () { "limit-celsius", 300 },
                }
            })
        }

        // As on a board with a device tree: the driver's table for those has it.
        Device (TMP2)
        {
            Name (_HID, "PRP0001")
            Name (_DSD, Package () {
                ToUUID ("daffd814-6eba-4d8c-8a91-bc9bbf4aa301"),
                Package () {
                    Package () { "compatible", "lkmpg,temperature" },
                    Package () { "label", "window" },
                }
            })
        }
    }
}

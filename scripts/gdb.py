# SPDX-License-Identifier: GPL-2.0-only
"""What scripts/vm --gdb has gdb do: know a module's functions and lines from the moment it is loaded."""

import struct

import gdb

# The register that a function finds it in.
SECOND_ARGUMENT = {"i386": "rsi", "aarch64": "x1", "riscv": "a1"}

# name -> path of the object that it was linked of, which has its lines
modules = {}


class Module(gdb.Command):
    """lkmpg-module PATH.o: take the symbols of this module when it is loaded."""

    def __init__(self):
        super().__init__("lkmpg-module", gdb.COMMAND_FILES, gdb.COMPLETE_FILENAME)

    def invoke(self, path, _from_tty):
        name = path.rsplit("/", 1)[-1].removesuffix(".o").replace("-", "_")
        modules[name] = path


class Loading(gdb.Breakpoint):
    """Where the kernel has put a module into its place, and has not called its init yet."""

    def __init__(self):
        # mod_sysfs_setup(mod, info, ...): no other function with its sections is in each kernel.
        super().__init__("*&mod_sysfs_setup", gdb.BP_HARDWARE_BREAKPOINT, internal=True)
        self.commands = "silent\nlkmpg-loaded\ncontinue"


class Loaded(gdb.Command):
    """lkmpg-loaded: take the symbols of the module that is being loaded."""

    def __init__(self):
        super().__init__("lkmpg-loaded", gdb.COMMAND_FILES)

    def invoke(self, _argument, _from_tty):
        try:
            processor = gdb.selected_frame().architecture().name().split(":")[0]
            info = f"(unsigned long)${SECOND_ARGUMENT[processor]}"
            add(gdb.selected_inferior(), int(gdb.parse_and_eval(info)))
        except gdb.error as error:
            print(f"no symbols of this module: {error}")


def add(guest, info):
    """Reads the struct load_info of kernel/module/internal.h."""

    def word(address):
        return struct.unpack("<Q", guest.read_memory(address, 8))[0]

    def text(address):
        return bytes(guest.read_memory(address, 56)).split(b"\0")[0].decode()

    name = text(word(info))
    if name not in modules:
        return
    header, sections, names = (word(info + it) for it in (16, 32, 40))
    (count,) = struct.unpack("<H", guest.read_memory(header + 60, 2))
    places = []
    for number in range(count):
        section = bytes(guest.read_memory(sections + 64 * number, 64))
        title, _kind, flags, address = struct.unpack_from("<IIQQ", section)
        # What occupies memory, and has a place there.
        if flags & 2 and address:
            places.append((text(names + title), address))
    places = [f"-s {section} {address:#x}" for section, address in places]
    # A module that comes again lies elsewhere.
    try:
        gdb.execute(f"remove-symbol-file {modules[name]}", to_string=True)
    except gdb.error:
        pass
    gdb.execute(f"add-symbol-file {modules[name]} {' '.join(places)}", to_string=True)
    print(f"{name}: its symbols are known")


# A breakpoint in a module that is not there yet waits for it.
gdb.execute("set breakpoint pending on")
gdb.execute("set confirm off")
gdb.execute("set print asm-demangle on")
Module()
Loaded()
Loading()

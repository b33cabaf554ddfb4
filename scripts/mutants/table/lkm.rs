// SPDX-License-Identifier: GPL-2.0-only

//! What is broken of `lkm`.

use super::{EDU, FTDI, Mutant, UART};

const RING: &str = "cargo test --package lkmpg-model";

mutants! {
    RING => "rust/ring.rs": "a byte that was overwritten is read again",
        ".max(at + 1)"
        => ".max(at)",
        unseen: "a slot has an older byte only if two write at the same moment, and they should take turns";
    RING => "rust/ring.rs": "a slot does not say which byte it has",
        "slot.store(n << 8 | u64::from(byte), Release);"
        => "slot.store(u64::from(byte), Release);";
    RING => "rust/ring.rs": "a byte is read before it is written",
        "if at >= count {"
        => "if at > count {";
    "make test T=chardev" => "rust/chrdev.rs": "numbers are kept for ever",
        "unsafe { bindings::unregister_chrdev_region(self.first, self.count) };"
        => "let _ = (self.first, self.count);";
    "make test T=chardev" => "rust/chrdev.rs": "nodes are kept for ever",
        "for minor in 0..self.count {"
        => "for minor in 0..0 {";
    "make test T=chardev" => "rust/fops.rs": "a bad address is the end of the file",
        "if copied == 0 && !out.is_empty() {"
        => "if false {";
    "make test T=procfs_1" => "rust/proc_fs.rs": "files in /proc are kept for ever",
        "unsafe { bindings::proc_remove(self.entry.as_ptr()) };"
        => "let _ = self.entry;";
    "make test T=registrations" => "rust/proc_fs.rs": "a file in /proc may have any name",
        "if !is_name(self.name) || (number && self.directory.is_none()) {"
        => "if number && self.directory.is_none() {";
    "make test T=sleep" => "rust/wait/turn.rs": "a turn wakes everybody",
        "bindings::WQ_FLAG_EXCLUSIVE as c_int"
        => "0";
    "make test T=syscall_spy" => "rust/kprobe.rs": "probes are kept for ever",
        "unsafe { bindings::unregister_kprobe(self.probe.get()) };"
        => "";
    "make test T=sched" => "rust/timer.rs": "timers outlive their module",
        "unsafe { bindings::timer_shutdown_sync(self.timer.get()) };"
        => "";
    "make test T=ioctl" => "rust/ioctl.rs": "an unknown ioctl gets another errno",
        "result: Err(ENOTTY),"
        => "result: Err(EINVAL),";
    "make test T=answers" => "rust/callback.rs": "EAGAIN has seq_file spin",
        "Self::SeqFile if error == EAGAIN => EBUSY,"
        => "Self::SeqFile if error == EAGAIN => error,";
    "make test T=answers" => "rust/callback.rs": "EIOCBQUEUED panics the kernel",
        "bindings::ERESTARTSYS.. => EIO,"
        => "bindings::ERESTARTSYS.. => error,";
    "make test T=chan_sysfs" => "rust/sysfs/binary.rs": "a write to a binary attribute is always at its beginning",
        "write(data, offset, bytes))"
        => "write(data, 0 * offset, bytes))";
    EDU => "rust/pci.rs": "a device stays enabled",
        "        bindings::pci_disable_device(raw);\n"
        => "";
    EDU => "rust/pci.rs": "a device may use its line when its handler has gone",
        "unsafe { bindings::pci_intx(as_raw(&self.device), 0) };"
        => "let _ = &self.device;";
    EDU => "rust/pci.rs": "who is the device's second handler is warned about",
        "!= bindings::PCI_IRQ_INTX {"
        => "== u32::MAX {";
    "make test T=led" => "rust/gpio.rs": "lines are kept for ever",
        "            bindings::gpiod_put(line);\n"
        => "";
    "make test T=led" => "rust/gpio.rs": "a number stands for a line's name",
        "if self.line == u16::MAX {"
        => "if false {";
    "make test T=gpio_button" => "rust/gpio/interrupt.rs": "who looks whether the chip goes is kept for ever",
        "unsafe { bindings::bus_unregister_notifier(self.bus, self.notifier.get()) };"
        => "let _ = self.bus;";
    "make test T=i2c_sensor" => "rust/hwmon.rs": "what can only be read may be written",
        "Some(what) if T::WRITE.contains(&what) => 0o644,"
        => "Some(_) => 0o644,";
    "make test T=i2c_sensor" => "rust/hwmon.rs": "the files are kept for ever",
        "unsafe { bindings::hwmon_device_unregister(self.hwmon.as_ptr()) };"
        => "let _ = self.hwmon;";
    UART => "rust/sysfs/device.rs": "a device's attributes are kept for ever",
        "unsafe { bindings::sysfs_remove_file_ns(kobject, &raw, core::ptr::null()) };"
        => "let _ = kobject;";
    FTDI => "rust/usb.rs": "what begins while the driver goes is waited for",
        "match unsafe { (&raw const (*interface).condition).read_volatile() } {"
        => "let _ = interface;\n    match bindings::usb_interface_condition_USB_INTERFACE_BOUND {";
    FTDI => "rust/usb.rs": "a packet is as long as its room",
        "        data.truncate(came);\n"
        => "";
    "make test T=vnet" => "rust/net/callbacks.rs": "a queue stays stopped when the interface was down",
        "            bindings::clear_bit(bindings::LKM_QUEUE_STATE_DRV_XOFF, queue_state(port.device));\n"
        => "",
        unseen: "vnet's other end wakes it, whether that is up or goes down";
    "make test T=vnet" => "rust/net/callbacks.rs": "an address is a group's",
        "address[0] = address[0] & !1 | 2;"
        => "address[0] = address[0] | 3;";
    "make test T=vnet" => "rust/net/packet.rs": "a packet keeps what its namespace has put on it",
        "            bindings::skb_scrub_packet(skb.as_ptr(), true);\n"
        => "",
        unseen: "dev has no firewall and no rules, which alone look at a mark";
    "make test T=blkram" => "rust/block.rs": "a piece reaches over the end of a page",
        "                    .min(PAGE_SIZE - position as usize % PAGE_SIZE)\n"
        => "";
    "make test T=blkram" => "rust/block.rs": "an error is none",
        "Err(_) => bindings::LKM_BLK_STS_IOERR,"
        => "Err(_) => bindings::BLK_STS_OK,";
    "make test T=parts" => "rust/block.rs": "what a driver does not fill is what was there before",
        "if !segment.is_filled {"
        => "if false {";
    "make test T=pages" => "rust/fops/shims.rs": "a fault that fails with EBUSY is tried for ever",
        "return bindings::vm_fault_reason_VM_FAULT_SIGBUS;"
        => "return bindings::vm_fault_reason_VM_FAULT_NOPAGE;";
    "make test T=adversary" => "rust/lifetime.rs": "a device is made before its module has a kobject",
        "if unsafe { (*kobject).state_initialized() } == 0 {"
        => "if unsafe { (*kobject).state_initialized() } == 7 {";
    "make test T=adversary" => "rust/file/options.rs": "a load that fails waits for its own file in /proc",
        " || references() > before)"
        => ")";
    "LKMPG_SMP=2 make test T=adversary" => "rust/firmware.rs": "who is being killed waits for an answer for ever",
        "                let _ = me.park();\n                pending.take_back(&loading);\n"
        => "                if me.park() {\n                    pending.take_back(&loading);\n                }\n";
    "make test T=parts" => "rust/kprobe.rs": "what is behind a path is given away",
        "    rest.fill(0);\n"
        => "    let _ = rest;\n";
    "make test T=parts" => "rust/kprobe.rs": "any argument of any function is followed as a path",
        "arguments == 0 ||"
        => "true ||";
    "make test T=vinput" => "rust/input.rs": "a key comes without its end",
        "        event(bindings::EV_SYN, bindings::SYN_REPORT, 0);\n"
        => "";
    "make test T=parts" => "rust/input.rs": "a key that the keyboard lacks is sent",
        "if word & bit(key) == 0 {"
        => "if false {";
    "make test T=parts" => "rust/input.rs": "a keyboard has SysRq",
        "![0, SYSRQ].contains(&key)"
        => "![0].contains(&key)";
    "make test T=stack" => "rust/export.rs": "an interface with a function more is taken for another",
        "text.bytes().chain([0]).enumerate()"
        => "text.bytes().enumerate().take(17)";
    EDU => "rust/pci.rs": "what needs an enabled device works without",
        "        Ok(())\n    } else {\n        Err(EINVAL)"
        => "        Ok(())\n    } else {\n        Ok(())";
    EDU => "rust/pci.rs": "a handler that was refused leaves its line on",
        "if registered.is_err() && !has_line {"
        => "if registered.is_err() && has_line {";
    "make test T=adversary" => "rust/block.rs": "a disk that has gone answers who has a partition open",
        "match this.is_gone.load(Acquire) {"
        => "match this.is_gone.load(Acquire) && this.sectors == 0 {";
    "make test T=adversary" => "rust/file.rs": "a file is used with a lock held that it takes",
        " && context::may_use_files()"
        => "";
    "make test T=adversary" => "rust/params.rs": "who sets a parameter may use a file",
        "context::without_registering(|| H::on_set(new))"
        => "H::on_set(new)";
    "make test T=adversary" => "rust/hwmon.rs": "a sensor may read its own file",
        "context::without_files(|| chip.read(what))"
        => "chip.read(what)";
    "make test T=configfs_lamps" => "rust/configfs.rs": "what is removed is kept for ever",
        "context::without_files(|| drop(node));"
        => "core::mem::forget(node);";
    "make test T=procfs_4" => "rust/proc_fs/listing.rs": "a listing leaves out each second line",
        "            *pos += 1;\n"
        => "            *pos += 2;\n";
    RING => "rust/seqlock/latch.rs": "who is overtaken does not read again",
        "if self.sequence.load(Relaxed) == before {"
        => "if before == before {";
    "make test T=static_key" => "rust/static_key.rs": "a key that is on says that it is off",
        ".read_volatile() > 0"
        => ".read_volatile() > 1";
    "LKMPG_SMP=2 make test T=static_key" => "rust/static_key.rs": "two turn a key at once",
        "                word,\n                0,\n                Some("
        => "                &mut 0,\n                0,\n                Some(";
    "make test T=parts" => "rust/context.rs": "a disk's request waits for a disk",
        "with_flags(FOR_OTHERS, call)"
        => "call()";
    "make test T=adversary" => "rust/file.rs": "a file of the kernel's is used where one is made",
        "if self.is_pseudo() && !context::may_use_pseudo_files() {"
        => "if false {";
    "make test T=vnet" => "rust/file.rs": "a thread that comes too early never waits again",
        "            return again();\n"
        => "            return EAGAIN;\n";
    "make test T=threads" => "rust/completion.rs": "a thread that waits is not stopped",
        "if context::may_be_stopped() {"
        => "if false {";
    "make test T=adversary" => "rust/file.rs": "who has ended opens a file",
        "if context::has_ended() {"
        => "if false {";
    "make test T=parts" => "rust/tty.rs": "who has ended has a terminal",
        "if ends || Context::current() != Context::Task {"
        => "if false {";
    "make test T=adversary" => "rust/block.rs": "who has a disk open waits until it is closed",
        "lifetime::drop_later(inner);"
        => "drop(inner);";
    "make test T=adversary" => "rust/firmware.rs": "a question has the name of a file",
        "|| name == b\"timeout\""
        => "";
    "make test T=slab" => "rust/slab.rs": "a name that is taken is taken again",
        "if sysfs::exists(&[c\"slab\", name]) {"
        => "if false {";
    "make test T=slab" => "rust/slab.rs": "what was freed counts",
        "        self.cache.objects.fetch_sub(1, Relaxed);\n"
        => "";
    "make test T=kbleds" => "rust/vt.rs": "the lights stay as they are",
        "            taken.give_back();\n            if !taken.are_back {"
        => "            taken.are_back = true;\n            if !taken.are_back {";
    "make test T=kbleds" => "rust/vt.rs": "after a hang-up they do not blink",
        "            Err(EIO) => {\n"
        => "            Err(EPERM) => {\n";
    "make test T=misc" => "rust/misc.rs": "devices are kept for ever",
        "unsafe { bindings::misc_deregister(self.device.get()) };"
        => "let _ = self.device.get();";
    "make test T=scull_pipe" => "rust/fops/shims.rs": "who cannot seek is read from anywhere",
        "if !can_seek {"
        => "if false && !can_seek {";
    "make test T=scull" => "rust/fops.rs": "a call that is to append overwrites",
        "when(bindings::LKM_IOCB_APPEND, O_APPEND)"
        => "when(bindings::LKM_IOCB_APPEND, 0)";
    FTDI => "rust/usb.rs": "only who is killed does not wait for a packet",
        "let wait = Completion::wait_timeout;"
        => "let wait = Completion::wait_killable_timeout;";
    "make test T=sleep" => "rust/wait/turn.rs": "a signal passes for a turn",
        "if has_turn(&entry) {"
        => "if interrupted || has_turn(&entry) {";
    "make test T=sleep" => "rust/wait/turn.rs": "a turn that comes with a signal is lost",
        "if has_turn(&entry) {"
        => "if !interrupted && has_turn(&entry) {";
    "make test T=sleep" => "rust/message.rs": "half a message is taken",
        "if message.length < wanted {"
        => "if message.length == 0 && wanted > 0 {";
    "make test T=registrations" => "rust/relay/ring.rs": "who polls a ring that goes is not told",
        "content.closed = true);\n        self.readers.wake_all();"
        => "content.closed = true);";
    "make test T=chan_relay" => "rust/relay/ring.rs": "a ring that was read is ready",
        "                content.give_back();\n"
        => "";
    "make test T=chan_relay" => "rust/relay/ring.rs": "a sub-buffer that was read before its end is ready",
        "        self.give_back();\n"
        => "";
    "make test T=gpio_button" => "rust/gpio/interrupt.rs": "a line interrupts for a level",
        " || is(Flags::HIGH) || is(Flags::LOW) || is(Flags::SHARED)"
        => "";
    "make test T=parts" => "rust/kthread.rs": "a disk's request makes a thread",
        "if context::answers_requests() {"
        => "if false {";
    "make test T=parts" => "rust/block.rs": "a full disk is a broken one",
        "            Err(ENOSPC) => bindings::LKM_BLK_STS_NOSPC,\n"
        => "";
    "make test T=parts" => "rust/block.rs": "a disk without memory is a broken one",
        "            Err(ENOMEM) => bindings::LKM_BLK_STS_RESOURCE,\n"
        => "";
    "make test T=parts" => "rust/block.rs": "what a disk cannot do breaks it",
        "            Err(EOPNOTSUPP) => bindings::LKM_BLK_STS_NOTSUPP,\n"
        => "";
    "make test T=parts" => "rust/timer.rs": "the far future is the past",
        ".clamp(1, (Jiffies::MAX >> 1) - 1)"
        => ".max(1)";
    "make test T=parts" => "rust/work.rs": "the far future is the past",
        ".min((Jiffies::MAX >> 1) - 1)"
        => "";
    "LKMPG_SMP=2 make test T=parts" => "rust/rcu.rs": "what somebody reads is dropped",
        "        compat::synchronize_rcu();\n"
        => "";
    "make test T=scull" => "rust/fops.rs": "a call that is to overwrite appends",
        "flags & !O_APPEND\n"
        => "flags\n";
    "make test T=chan_netlink" => "rust/netlink/attribute.rs": "the first of two counts",
        "found = Some(attribute);"
        => "found = found.or(Some(attribute));";
    "make test T=chan_netlink" => "rust/netlink/socket.rs": "an answer does not say whom it is for",
        "port: self.sender.port(),"
        => "port: 0,";
    "make test T=chan_netlink" => "rust/netlink/packet.rs": "an error does not say that it leaves something out",
        "flags: bindings::NLM_F_CAPPED as u16,"
        => "flags: 0,";
    "make test T=threads" => "rust/file/options.rs": "any file is made for all to read",
        "self.mode = mode & 0o7777;"
        => "let _ = mode;";
    "make test T=chan_debugfs" => "rust/debugfs.rs": "C looks into a module that has gone",
        "until_there_is_memory(|| node.note_methods());"
        => "";
    "make test T=chan_debugfs" => "rust/fops/shims.rs": "what has no end is spliced",
        "splice_read: member!(T::HAS_READ && T::HAS_SIZE,"
        => "splice_read: member!(T::HAS_READ,";
    "make test T=adversary" => "rust/misc.rs": "a device is registered in the open of one",
        "if !context::may_register() {\n            return"
        => "if false {\n            return";
    "make test T=adversary" => "rust/misc.rs": "a device is dropped in the open of one",
        "if !context::may_register() {\n            if let"
        => "if false {\n            if let";
    "make test T=adversary" => "rust/file/found.rs": "a FIFO is opened",
        "bindings::S_IFIFO => Err(EINVAL),"
        => "bindings::S_IFIFO => Ok(()),";
    "make test T=adversary" => "rust/fops/shims.rs": "a file is used while memory is locked",
        "context::without_registering(|| state.mmap(&file, Area::new(area)))"
        => "state.mmap(&file, Area::new(area))";
    "make test T=adversary" => "rust/fops/shims.rs": "a file is used in a page fault",
        "context::without_registering(|| state.fault(&file, fault.pgoff))"
        => "state.fault(&file, fault.pgoff)";
    "make test T=adversary" => "rust/fops/shims.rs": "a file is used in poll",
        "context::without_registering(|| state.poll(&open_file, &table).0)"
        => "state.poll(&open_file, &table).0";
    "make test T=adversary" => "rust/params/string.rs": "a string is changed that somebody has",
        "if this.given_is.cmpxchg(FREE, WRITTEN, Acquire).is_err() {"
        => "if false {";
    "make test T=registrations" => "rust/chrdev.rs": "any number of nodes is made",
        "options.minors.min(MOST_NODES)"
        => "options.minors";
    EDU => "rust/pci.rs": "a device has its line before it has a handler",
        "bindings::pci_enable_device(raw))?;\n        bindings::pci_intx(raw, 0);"
        => "bindings::pci_enable_device(raw))?;";
    EDU => "rust/pci.rs": "to enable a device twice is more than once",
        "if is_enabled(device).is_ok() {\n        return Ok(());"
        => "if false {\n        return Ok(());";
    "make test T=adversary" => "rust/file/found.rs": "what another user has planted is written to",
        "bindings::S_IFREG | bindings::S_IFLNK if creates && self.is_planted() => Err(EACCES),"
        => "";
    "make test T=adversary" => "rust/file/found.rs": "what another user has given a name to is written to",
        " || names > 1"
        => "";
    "make test T=adversary" => "rust/file/options.rs": "a link that another user has planted is followed",
        "if flags & O_CREAT == 0 {"
        => "if flags & O_CREAT != u32::MAX {";
    "make test T=adversary" => "rust/file/found.rs": "what sendfile sends is lost to overlayfs",
        "self.is_copied() && is_sending()"
        => "false";
    "make test T=adversary" => "rust/file.rs": "a file that is dropped with a lock held stays open",
        "lifetime::drop_later(KBox::into_pin(KBox::write(room, Self { file, position })));"
        => "core::mem::forget(KBox::write(room, Self { file, position }));";
    "make test T=vnet" => "rust/net.rs": "an interface waits for the lock that it is opened with",
        "if !context::may_register() {\n            return"
        => "if false {\n            return";
    "make test T=vnet" => "rust/net.rs": "an interface is dropped with the lock that it is opened with",
        "if !context::may_register() {\n            if let"
        => "if false {\n            if let";
    "make test T=vnet" => "rust/net/callbacks.rs": "a file is used in the open of an interface",
        "context::without_registering(|| this.operations.open(port, &rtnl))"
        => "this.operations.open(port, &rtnl)";
}

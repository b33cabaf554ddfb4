// SPDX-License-Identifier: GPL-2.0-only

//! Generic netlink families.

use super::{
    unsupported,
    Attributes,
    Header,
    Packet,
    Policy,
    Sender, //
};
use crate::{
    bindings,
    callback::Caller,
    fops::is_live, //
};
use core::mem::ManuallyDrop;
use kernel::{
    error::to_result,
    prelude::*,
    sync::Arc,
    types::Opaque, //
};

/// What a process can ask a family for.
///
/// The function runs in the context of the sender, may sleep, and may run at the same time for
/// several senders. If it fails, the sender gets an error message with the errno; if not, and the
/// sender asked for it, an acknowledgement.
pub struct Command<T> {
    number: u8,
    flags: u8,
    run: fn(&T, &Call<'_>) -> Result,
}

impl<T> Command<T> {
    /// The command `number`, for everybody.
    pub const fn new(number: u8, run: fn(&T, &Call<'_>) -> Result) -> Self {
        Self {
            number,
            flags: 0,
            run,
        }
    }

    /// Leaves the command to those with `CAP_NET_ADMIN`. Others get `EPERM`.
    pub const fn privileged(mut self) -> Self {
        self.flags = bindings::GENL_ADMIN_PERM as u8;
        self
    }
}

/// What a family consists of.
pub trait Commands: Sized + Send + Sync + 'static {
    /// Its name, of 1 to 15 bytes.
    const NAME: &'static CStr;
    /// The version of its protocol.
    const VERSION: u8;
    /// The attributes of its commands. What a process sends is checked against it: an attribute
    /// that is not listed, not of its type, or too long is refused with an errno and a text.
    const ATTRIBUTES: &'static [Policy];
    /// The commands.
    const COMMANDS: &'static [Command<Self>];
    /// The names of its groups, of 1 to 15 bytes each. Everybody may join them.
    const GROUPS: &'static [&'static CStr] = &[];
}

/// A message with a command.
pub struct Call<'a> {
    header: Header,
    attributes: Attributes<'a>,
    sender: Sender<'a>,
    family: &'a Opaque<bindings::genl_family>,
    extack: *mut bindings::netlink_ext_ack,
}

impl<'a> Call<'a> {
    /// What the message begins with.
    pub fn header(&self) -> Header {
        self.header
    }

    /// The attributes, which were checked.
    pub fn attributes(&self) -> Attributes<'a> {
        self.attributes
    }

    /// Begins an answer. May sleep.
    pub fn reply(&self, command: u8) -> Result<Packet> {
        begin(
            self.family,
            command,
            self.header.sequence,
            self.sender.port(),
        )
    }

    /// Sends an answer.
    ///
    /// Fails with `EAGAIN` if the sender's queue is full, because it does not read, and
    /// `ECONNREFUSED` if it is gone. May sleep, but does not wait for the sender
    /// (`genlmsg_reply`).
    pub fn send(&self, packet: Packet) -> Result {
        self.sender.send(packet)
    }

    /// Begins a message for a group, as [`Family::event`] does.
    pub fn event(&self, command: u8) -> Result<Packet> {
        begin(self.family, command, 0, 0)
    }

    /// Sends a message to a group, as [`Family::publish`] does.
    pub fn publish(&self, group: u32, packet: Packet) -> Result<bool> {
        // SAFETY: The family is registered while it handles a command.
        unsafe { packet.multicast(self.family.get(), group) }
    }

    /// Gives a text along with the error that the command fails with (`NL_SET_ERR_MSG`).
    pub fn explain(&self, text: &'static CStr) {
        if !self.extack.is_null() {
            // SAFETY: It stays until the command has been answered.
            unsafe { (*self.extack)._msg = text.as_char_ptr() };
        }
    }
}

fn begin(
    family: &Opaque<bindings::genl_family>,
    command: u8,
    sequence: u32,
    port: u32,
) -> Result<Packet> {
    // SAFETY: The family is registered, so these do not change.
    let (id, version) = unsafe { ((*family.get()).id, (*family.get()).version) };
    let mut packet = Packet::begin(Header {
        length: 0,
        kind: id as u16,
        flags: 0,
        sequence,
        port,
    })?;
    packet.append(&[command, version as u8, 0, 0])?;
    Ok(packet)
}

/// A generic netlink family.
///
/// It is there in the first network namespace. Dropping it waits for commands that are being
/// handled. What describes it to user space stays in memory for good if the module is not being
/// unloaded then: somebody may still be reading it.
///
/// # Examples
///
/// ```
/// # use kernel::{prelude::*, sync::Arc};
/// use lkm::netlink::{Command, Commands, Family, Key, Policy};
///
/// const LEVEL: Key<u32> = Key::new(1);
///
/// struct Lamp;
///
/// impl Commands for Lamp {
///     const NAME: &'static CStr = c"lamp";
///     const VERSION: u8 = 1;
///     const ATTRIBUTES: &'static [Policy] = &[LEVEL.policy()];
///     const COMMANDS: &'static [Command<Self>] = &[Command::new(1, |_lamp, request| {
///         let level = request.attributes().require(LEVEL)?;
///         let mut reply = request.reply(1)?;
///         reply.put(LEVEL, level + 1)?;
///         request.send(reply)
///     })];
/// }
///
/// fn lamp(module: &'static ThisModule) -> Result<Family<Lamp>> {
///     Family::new(module, Arc::new(Lamp, GFP_KERNEL)?)
/// }
/// ```
///
/// # Invariants
///
/// The family is registered.
pub struct Family<T: Commands>(ManuallyDrop<Pin<KBox<Inner<T>>>>);

/// What a family refers to.
struct Inner<T: Commands> {
    family: Opaque<bindings::genl_family>,
    data: Arc<T>,
    // Used by C until the family is gone.
    _commands: KVec<bindings::genl_small_ops>,
    _policies: KVec<bindings::nla_policy>,
    _groups: KVec<bindings::genl_multicast_group>,
}

// SAFETY: Families may be used and removed by any thread.
unsafe impl<T: Commands> Send for Family<T> {}
// SAFETY: Nothing changes after the registration.
unsafe impl<T: Commands> Sync for Family<T> {}

impl<T: Commands> Family<T> {
    /// Registers a family.
    ///
    /// Fails with `EEXIST` if the name is taken, `EINVAL` if a name is empty or too long, a command
    /// is there twice, or there are more than 255, or `ENOMEM`. May sleep
    /// (`genl_register_family`).
    ///
    /// A load that fails frees the module even if somebody is being told what the family is about, so
    /// this should be among the last that `init` does which can fail.
    pub fn new(module: &'static ThisModule, data: Arc<T>) -> Result<Self> {
        let mut raw: bindings::genl_family = pin_init::zeroed();
        set_name(&mut raw.name, T::NAME)?;
        raw.version = T::VERSION.into();
        raw.module = module.as_ptr();
        raw.set_parallel_ops(1);

        let mut commands = KVec::with_capacity(T::COMMANDS.len(), GFP_KERNEL)?;
        for command in T::COMMANDS {
            let raw = bindings::genl_small_ops {
                doit: Some(Self::run),
                cmd: command.number,
                flags: command.flags,
                ..pin_init::zeroed()
            };
            commands.push(raw, GFP_KERNEL)?;
        }
        raw.n_small_ops = commands.len().try_into().map_err(|_| EINVAL)?;
        raw.small_ops = commands.as_ptr();

        let last = T::ATTRIBUTES.iter().map(|it| it.number).max();
        let mut policies = KVec::new();
        if let Some(last) = last {
            // The number is the index; what stays empty is refused.
            policies.resize(usize::from(last) + 1, pin_init::zeroed(), GFP_KERNEL)?;
            for policy in T::ATTRIBUTES {
                let index = usize::from(policy.number);
                let slot: &mut bindings::nla_policy = policies.get_mut(index).ok_or(EINVAL)?;
                slot.type_ = policy.kind;
                slot.len = policy.length;
            }
            raw.maxattr = last.into();
            raw.policy = policies.as_ptr();
        }

        let mut groups = KVec::with_capacity(T::GROUPS.len(), GFP_KERNEL)?;
        for name in T::GROUPS {
            let mut raw: bindings::genl_multicast_group = pin_init::zeroed();
            set_name(&mut raw.name, name)?;
            groups.push(raw, GFP_KERNEL)?;
        }
        raw.n_mcgrps = groups.len().try_into().map_err(|_| EINVAL)?;
        raw.mcgrps = groups.as_ptr();

        let inner = KBox::pin(
            Inner {
                family: Opaque::new(raw),
                data,
                _commands: commands,
                _policies: policies,
                _groups: groups,
            },
            GFP_KERNEL,
        )?;
        // SAFETY: The family, and what it refers to, are on the heap, and go when `drop` has
        // removed the family.
        to_result(unsafe { bindings::genl_register_family(inner.family.get()) })?;
        // INVARIANT: The family was just registered.
        Ok(Self(ManuallyDrop::new(inner)))
    }

    /// The value that the commands belong to.
    pub fn data(&self) -> &Arc<T> {
        &self.0.data
    }

    /// Begins a message for a group. May sleep.
    pub fn event(&self, command: u8) -> Result<Packet> {
        begin(&self.0.family, command, 0, 0)
    }

    /// Sends a message to a group: an index into [`Commands::GROUPS`]. Returns whether somebody is
    /// in it.
    ///
    /// A receiver whose queue is full does not get the message; its next read fails with `ENOBUFS`.
    /// Fails with `EINVAL` if there is no such group. May sleep (`genlmsg_multicast_allns`).
    pub fn publish(&self, group: u32, packet: Packet) -> Result<bool> {
        // SAFETY: By the type invariants.
        unsafe { packet.multicast(self.0.family.get(), group) }
    }

    /// `genl_small_ops::doit`.
    ///
    /// # Safety
    ///
    /// To be called by generic netlink, for a family of this type that is registered.
    unsafe extern "C" fn run(skb: *mut bindings::sk_buff, info: *mut bindings::genl_info) -> c_int {
        // SAFETY: `info` is valid during the call.
        let info = unsafe { &*info };
        let family = Opaque::cast_from(info.family.cast_mut());
        let inner = kernel::container_of!(family, Inner<T>, family);
        // SAFETY: The family is part of an `Inner`, and is registered until all calls are over.
        let inner = unsafe { &*inner };
        // SAFETY: Generic netlink's socket received the message, which stays during the call. It
        // has all the bytes that its header says.
        let (sender, bytes, command) = unsafe {
            let length = (*info.nlhdr).nlmsg_len as usize;
            (
                Sender::new(skb),
                core::slice::from_raw_parts(info.nlhdr.cast::<u8>(), length),
                (*info.genlhdr).cmd,
            )
        };
        let run = || {
            let header = Header::parse(bytes).ok_or(EINVAL)?;
            let attributes = bytes.get(Header::SIZE + 4..).unwrap_or_default();
            let command = T::COMMANDS.iter().find(|it| it.number == command);
            let command = command.ok_or_else(unsupported)?;
            let request = Call {
                header,
                attributes: Attributes::new(attributes),
                sender,
                family: &inner.family,
                extack: info.extack,
            };
            (command.run)(&inner.data, &request)
        };
        Caller::Netlink.status(run())
    }
}

impl<T: Commands> Drop for Family<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants. It can only fail for a family that is not registered.
        unsafe { bindings::genl_unregister_family(self.0.family.get()) };
        // Who is being told the policies (`CTRL_CMD_GETPOLICY`) comes back to them, and to the
        // family, and only keeps the module. In C these are part of it.
        // SAFETY: The module runs.
        if unsafe { is_live((*self.0.family.get()).module) } {
            // SAFETY: No command is handled any more, and what the data was in is not dropped.
            drop(unsafe { core::ptr::read(&raw const self.0.data) });
            #[cfg(CONFIG_DEBUG_KMEMLEAK)]
            // SAFETY: This is where the allocation begins, which refers to the others.
            unsafe {
                bindings::kmemleak_not_leak((&raw const **self.0).cast())
            };
        } else {
            // SAFETY: The value is not used again.
            unsafe { ManuallyDrop::drop(&mut self.0) };
        }
    }
}

fn set_name(to: &mut [c_char], name: &CStr) -> Result {
    let name = name.to_bytes_with_nul();
    if name.len() < 2 {
        return Err(EINVAL);
    }
    let to = to.get_mut(..name.len()).ok_or(EINVAL)?;
    for (to, from) in to.iter_mut().zip(name) {
        *to = *from as c_char;
    }
    Ok(())
}

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
    compat::errno,
    context,
    lifetime::{
        this_module,
        References, //
    },
};
use core::{
    marker::PhantomData,
    ptr::null_mut, //
};
use kernel::{
    error::to_result,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full,
            Relaxed, //
        },
        Arc, //
    },
    types::Opaque, //
};

/// What a process can ask a family for.
///
/// The function runs in the context of the sender, may sleep, and may run at the same time for
/// several senders. While it waits, nobody can load or unload a module that has a family, and behind who tries to, all
/// wait who use generic netlink. What takes long belongs elsewhere; a group can be told when it is done. It must not
/// register or drop a family, its own or another: for that, C waits until no command of any family is being handled,
/// and lockdep tells. If it fails, the sender gets an error message with the errno: `EAGAIN` for `EINTR` and what would
/// restart a system call (`ERESTARTSYS`). If not, and the sender asked for it, it gets an acknowledgement.
pub struct Command<T> {
    number: u8,
    flags: u8,
    run: fn(&T, &GenlInfo<'_>) -> Result,
}

impl<T> Command<T> {
    /// The command `number`, for everybody.
    pub const fn new(number: u8, run: fn(&T, &GenlInfo<'_>) -> Result) -> Self {
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

/// What a family consists of. What does not hold does not build:
///
/// ```compile_fail,E0080
/// # use kernel::prelude::*;
/// # use lkm::netlink::{self, Command, Commands, Policy};
/// struct Lamp;
///
/// impl Commands for Lamp {
///     const NAME: &'static CStr = c"a name that is too long";
///     const VERSION: u8 = 1;
///     const ATTRIBUTES: &'static [Policy] = &[];
///     const COMMANDS: &'static [Command<Self>] = &[];
/// }
///
/// netlink::family! {
///     static LAMP: Lamp;
/// }
/// ```
pub trait Commands: Sized + Send + Sync + 'static {
    /// Its name, of 1 to 15 bytes.
    const NAME: &'static CStr;
    /// The version of its protocol.
    const VERSION: u8;
    /// The attributes of its commands. What a process sends is checked against it: an attribute
    /// that is not listed, not of its type, or too long is refused with an errno and a text.
    const ATTRIBUTES: &'static [Policy];
    /// The commands, at most 255.
    const COMMANDS: &'static [Command<Self>];
    /// The names of its groups, of 1 to 15 bytes each. Everybody may join them.
    const GROUPS: &'static [&'static CStr] = &[];
}

/// A message with a command (`struct genl_info`).
///
/// # Invariants
///
/// `family` is registered. `extack` is null, or the call's own, which stays until it has been answered.
pub struct GenlInfo<'a> {
    header: Header,
    attributes: Attributes<'a>,
    sender: Sender<'a>,
    family: &'a Opaque<bindings::genl_family>,
    extack: *mut bindings::netlink_ext_ack,
}

impl<'a> GenlInfo<'a> {
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
        // SAFETY: The family is registered while it handles a command.
        unsafe {
            begin(
                self.family,
                command,
                self.header.sequence,
                self.sender.port(),
            )
        }
    }

    /// Sends an answer.
    ///
    /// Fails with `EAGAIN` if the sender's queue is full, because it does not read, and
    /// `ECONNREFUSED` if it is gone. May sleep, but does not wait for the sender
    /// (`genlmsg_reply`).
    pub fn send(&self, packet: Packet) -> Result {
        self.sender.send(packet)
    }

    /// Begins a message for a group, as [`Registration::message`] does.
    pub fn message(&self, command: u8) -> Result<Packet> {
        // SAFETY: The family is registered while it handles a command.
        unsafe { begin(self.family, command, 0, 0) }
    }

    /// Sends a message to a group, as [`Registration::multicast`] does.
    pub fn multicast(&self, group: u32, packet: Packet) -> Result<bool> {
        // SAFETY: The family is registered while it handles a command.
        unsafe { multicast(self.family, group, packet) }
    }

    /// Gives a text of at most 1,023 bytes along with the error that the command fails with (`NL_SET_ERR_MSG`). A longer one
    /// is left out: for C the length has 16 bits.
    pub fn set_err_msg(&self, text: &'static CStr) {
        if !self.extack.is_null() && text.to_bytes().len() < 1024 {
            // SAFETY: It stays until the command has been answered.
            unsafe { (*self.extack)._msg = text.as_char_ptr() };
        }
    }
}

/// Begins a message of a family.
///
/// # Safety
///
/// The family must be registered.
unsafe fn begin(
    family: &Opaque<bindings::genl_family>,
    command: u8,
    sequence: u32,
    port: u32,
) -> Result<Packet> {
    // SAFETY: By the safety requirements, these do not change.
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

/// Sends a message to a group of a family, in the first network namespace.
///
/// # Safety
///
/// The family must be registered.
unsafe fn multicast(
    family: &Opaque<bindings::genl_family>,
    group: u32,
    packet: Packet,
) -> Result<bool> {
    // SAFETY: By the safety requirements, these do not change.
    let (count, offset) = unsafe { ((*family.get()).n_mcgrps, (*family.get()).mcgrp_offset) };
    if group >= count.into() {
        return Err(EINVAL);
    }
    // SAFETY: The first network namespace has this socket for good.
    unsafe {
        let socket = (&raw const bindings::init_net).byte_add(bindings::LKM_NET_GENL_SOCK);
        packet.multicast(*socket.cast::<*mut bindings::sock>(), offset + group)
    }
}

/// A generic netlink family, to be made a static by [`netlink::family!`](crate::netlink::family!).
///
/// # Examples
///
/// ```
/// # use kernel::{prelude::*, sync::Arc};
/// use lkm::netlink::{self, Command, Commands, Key, Policy, Registration};
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
/// netlink::family! {
///     static LAMP: Lamp;
/// }
///
/// fn lamp() -> Result<Registration<Lamp>> {
///     LAMP.register(Arc::new(Lamp, GFP_KERNEL)?)
/// }
/// ```
///
/// # Invariants
///
/// `data` is null, or a reference that the family's one [`Registration`] owns.
#[repr(C)]
pub struct Family<T: Commands> {
    family: Opaque<bindings::genl_family>,
    data: Atomic<*mut T>,
}

// SAFETY: C has locks for what it changes in a family.
unsafe impl<T: Commands> Sync for Family<T> {}

/// Makes a static [`Family`] of what implements [`Commands`].
#[macro_export]
macro_rules! netlink_family {
    // Other attributes could say where the linker puts it, which the lint does not see in a macro.
    ($(#[doc = $doc:literal])* $visibility:vis static $name:ident: $commands:ty;) => {
        $(#[doc = $doc])*
        $visibility static $name: $crate::netlink::Family<$commands> = {
            use $crate::netlink::{
                Commands,
                Family,
                Tables, //
            };

            static TABLES: Tables<
                $commands,
                { <$commands as Commands>::COMMANDS.len() },
                { $crate::netlink::policies::<$commands>() },
                { <$commands as Commands>::GROUPS.len() },
            > = Tables::new();

            Family::new(&TABLES)
        };
    };
}
pub use netlink_family as family;

/// How long the table of policies is: an attribute's number is the index.
#[doc(hidden)]
pub const fn policies<T: Commands>() -> usize {
    let (mut length, mut index) = (0, 0);
    while index < T::ATTRIBUTES.len() {
        if T::ATTRIBUTES[index].number as usize >= length {
            length = T::ATTRIBUTES[index].number as usize + 1;
        }
        index += 1;
    }
    length
}

/// What the family of `T` refers to, with so many commands, policies and groups. Those of a subtype of `T` are not:
///
/// ```compile_fail,E0308
/// # use lkm::netlink::Tables;
/// type Any = for<'a> fn(&'a u8);
/// type Ever = fn(&'static u8);
/// fn others(tables: Tables<Any, 1, 0, 0>) -> Tables<Ever, 1, 0, 0> {
///     tables
/// }
/// ```
#[doc(hidden)]
pub struct Tables<T, const C: usize, const P: usize, const G: usize> {
    commands: [bindings::genl_small_ops; C],
    policies: [bindings::nla_policy; P],
    groups: [bindings::genl_multicast_group; G],
    _family: PhantomData<fn(T) -> T>,
}

// SAFETY: Nobody changes them.
unsafe impl<T, const C: usize, const P: usize, const G: usize> Sync for Tables<T, C, P, G> {}

impl<T: Commands, const C: usize, const P: usize, const G: usize> Tables<T, C, P, G> {
    /// Fills them in. What does not fit does not build.
    #[allow(clippy::new_without_default, reason = "it is for a static")]
    pub const fn new() -> Self {
        const { Self::fill() }
    }

    const fn fill() -> Self {
        assert!(
            C == T::COMMANDS.len() && P == policies::<T>() && G == T::GROUPS.len(),
            "tables of another size than the family's"
        );
        let mut commands: [bindings::genl_small_ops; C] = [pin_init::zeroed(); C];
        let mut index = 0;
        while index < C {
            commands[index].doit = Some(Family::<T>::run);
            commands[index].cmd = T::COMMANDS[index].number;
            commands[index].flags = T::COMMANDS[index].flags;
            index += 1;
        }

        let mut policies: [bindings::nla_policy; P] = [pin_init::zeroed(); P];
        index = 0;
        while index < T::ATTRIBUTES.len() {
            let policy = T::ATTRIBUTES[index];
            // What stays empty is refused.
            policies[policy.number as usize].type_ = policy.kind;
            policies[policy.number as usize].len = policy.length;
            index += 1;
        }

        let mut groups: [bindings::genl_multicast_group; G] = [pin_init::zeroed(); G];
        index = 0;
        while index < G {
            groups[index].name = name(T::GROUPS[index]);
            index += 1;
        }
        Self {
            commands,
            policies,
            groups,
            _family: PhantomData,
        }
    }
}

/// Families for which C has numbers of its own, and which it takes apart in its own way.
const RESERVED: [&CStr; 3] = [c"NET_DM", c"VFS_DQUOT", c"pmcraid"];

const fn is_reserved(name: &CStr) -> bool {
    let (name, mut index) = (name.to_bytes(), 0);
    while index < RESERVED.len() {
        let (reserved, mut at) = (RESERVED[index].to_bytes(), 0);
        while at < name.len() && at < reserved.len() && name[at] == reserved[at] {
            at += 1;
        }
        if at == name.len() && at == reserved.len() {
            return true;
        }
        index += 1;
    }
    false
}

/// A name of 1 to 15 bytes, as C has it.
const fn name(from: &CStr) -> [c_char; 16] {
    let (from, mut to, mut index) = (from.to_bytes(), [0; 16], 0);
    assert!(
        !from.is_empty() && from.len() < to.len(),
        "no name for a family or a group"
    );
    while index < from.len() {
        to[index] = from[index] as c_char;
        index += 1;
    }
    to
}

impl<T: Commands> Family<T> {
    /// What does not hold does not build.
    const RAW: bindings::genl_family = {
        assert!(
            T::COMMANDS.len() < 256 && T::GROUPS.len() < 256,
            "too many commands or groups"
        );
        // Each message has an array for them, and the page allocator would tell of one that is large.
        assert!(policies::<T>() <= 512, "attributes beyond 511");
        assert!(!is_reserved(T::NAME), "the name of a family that C knows");
        let mut raw: bindings::genl_family = pin_init::zeroed();
        raw.name = name(T::NAME);
        raw.version = T::VERSION as u32;
        // The second bit, on any processor.
        let flags = u8::from_le(PARALLEL_OPS);
        // SAFETY: It is a byte.
        raw._bitfield_1 =
            unsafe { core::mem::transmute::<u8, bindings::__BindgenBitfieldUnit<[u8; 1]>>(flags) };
        raw.n_small_ops = T::COMMANDS.len() as u8;
        raw.maxattr = policies::<T>().saturating_sub(1) as u32;
        raw.n_mcgrps = T::GROUPS.len() as u8;
        raw
    };

    #[doc(hidden)]
    pub const fn new<const C: usize, const P: usize, const G: usize>(
        tables: &'static Tables<T, C, P, G>,
    ) -> Self {
        let mut raw = Self::RAW;
        raw.module = this_module().as_ptr();
        raw.small_ops = tables.commands.as_ptr();
        if P > 0 {
            raw.policy = tables.policies.as_ptr();
        }
        raw.mcgrps = tables.groups.as_ptr();
        Self {
            family: Opaque::new(raw),
            data: Atomic::new(null_mut()),
        }
    }

    /// Registers the family, for the first network namespace.
    ///
    /// Fails with `EEXIST` if the name is taken, `EBUSY` if it is the family itself that has it,
    /// `EINVAL` if a command is there twice, `EDEADLK` in what answers a [disk's](crate::block::Operations) requests, or
    /// `ENOMEM`. May sleep (`genl_register_family`), but not be called in a [`Command`], nor with the
    /// [`Rtnl`](crate::net::Rtnl) held; nor may the result be dropped there.
    pub fn register(&'static self, data: Arc<T>) -> Result<Registration<T>> {
        if context::works_for_others() {
            return Err(errno(bindings::EDEADLK));
        }
        let raw = Arc::into_raw(data).cast_mut();
        let result = if self.data.cmpxchg(null_mut(), raw, Full).is_err() {
            Err(EBUSY)
        } else {
            // SAFETY: The family is a static, and so is what it refers to.
            to_result(unsafe { bindings::genl_register_family(self.family.get()) })
                .inspect_err(|_| self.data.store(null_mut(), Relaxed))
        };
        if let Err(e) = result {
            // SAFETY: This is the reference from above, which nobody uses.
            drop(unsafe { Arc::from_raw(raw) });
            return Err(e);
        }
        // INVARIANT: The family was just registered.
        Ok(Registration { family: self })
    }

    /// `genl_small_ops::doit`.
    ///
    /// # Safety
    ///
    /// To be called by generic netlink, for a family of this type that is registered.
    unsafe extern "C" fn run(skb: *mut bindings::sk_buff, info: *mut bindings::genl_info) -> c_int {
        // SAFETY: `info` is valid during the call.
        let info = unsafe { &*info };
        // SAFETY: The family is the first member of a static `Self`.
        let family = unsafe { &*info.family.cast::<Self>() };
        // SAFETY: The registration has the data, and goes when all calls are over.
        let data = unsafe { &*family.data.load(Relaxed) };
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
            let info = GenlInfo {
                header,
                attributes: Attributes::new(attributes),
                sender,
                family: &family.family,
                extack: info.extack,
            };
            (command.run)(data, &info)
        };
        Caller::Netlink.status(run())
    }
}

/// `genl_family::parallel_ops`.
const PARALLEL_OPS: u8 = 1 << 1;

/// A [`Family`] that is registered. Dropping it waits for commands that are being handled.
///
/// Must not be dropped [in its own callback](crate#pitfalls), a command, nor in another family's.
///
/// # Invariants
///
/// The family is registered, and has a reference to its data.
pub struct Registration<T: Commands> {
    family: &'static Family<T>,
}

impl<T: Commands> Registration<T> {
    /// Begins a message for a group. May sleep.
    pub fn message(&self, command: u8) -> Result<Packet> {
        // SAFETY: By the type invariants.
        unsafe { begin(&self.family.family, command, 0, 0) }
    }

    /// Sends a message to a group: an index into [`Commands::GROUPS`]. Returns `false` if nobody got it.
    ///
    /// A receiver whose queue is full does not get the message; its next read fails with `ENOBUFS`. If
    /// it wants senders to know of that (`NETLINK_BROADCAST_ERROR`), this returns `true` all the same.
    /// Fails with `EINVAL` if there is no such group. May sleep (`genlmsg_multicast`).
    pub fn multicast(&self, group: u32, packet: Packet) -> Result<bool> {
        // SAFETY: By the type invariants.
        unsafe { multicast(&self.family.family, group, packet) }
    }
}

impl<T: Commands> Drop for Registration<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants. It can only fail for a family that is not registered.
        unsafe { bindings::genl_unregister_family(self.family.family.get()) };
        let data = self.family.data.xchg(null_mut(), Full);
        // SAFETY: By the type invariants. No command is handled any more.
        drop(unsafe { Arc::from_raw(data) });
        // Who is being told the policies (`CTRL_CMD_GETPOLICY`) comes back to the family.
        drop(References);
    }
}

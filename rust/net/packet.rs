// SPDX-License-Identifier: GPL-2.0-only

//! One packet.
//!
//! C header: [`include/linux/skbuff.h`](srctree/include/linux/skbuff.h)

use super::HEADER;
use crate::bindings;
use core::{
    mem::ManuallyDrop,
    ptr::NonNull, //
};
use kernel::{
    error::to_result,
    prelude::*, //
};

/// A packet, with its Ethernet header. Dropping it throws it away, and says so to those who look for dropped packets;
/// one that has been sent is [consumed](Self::consume). Both are callable from any context but an NMI.
///
/// It refers to nothing but its sender's socket, which gets its memory back when the packet has gone. One that is kept
/// keeps that socket, and with it the network namespace that it is in.
///
/// # Invariants
///
/// `skb` is owned, by nobody else, and its data is in one piece, of at least [`HEADER`] bytes.
pub struct Packet {
    skb: NonNull<bindings::sk_buff>,
}

// SAFETY: A packet may go to any CPU.
unsafe impl Send for Packet {}
// SAFETY: Through a reference it is only read.
unsafe impl Sync for Packet {}

impl Packet {
    /// Takes a packet from C that is to be sent. One that is none is dropped.
    ///
    /// # Safety
    ///
    /// `skb` must be a packet, of which the caller gives a reference away.
    pub(super) unsafe fn sent(skb: *mut bindings::sk_buff) -> Option<Self> {
        // SAFETY: By the safety requirements, here and below.
        let skb = unsafe { own(skb) }?;
        // The drop needs less of the invariants than that.
        let packet = Self { skb };
        // As the interfaces have it C makes one piece of it before. Who goes round C's ways may not.
        let elsewhere = packet.member(bindings::LKM_SKB_DATA_LEN);
        // SAFETY: As above. There are so many bytes elsewhere.
        let in_one_piece = elsewhere == 0
            || unsafe { !bindings::__pskb_pull_tail(skb.as_ptr(), elsewhere as c_int).is_null() };
        if !in_one_piece || packet.len() < HEADER {
            return None;
        }
        // Somebody may wait until it is gone, who takes it for what is left of a process' memory.
        //
        // SAFETY: As above. Nobody else has it.
        let is_ours = !packet.is_of_user()
            || unsafe { bindings::skb_copy_ubufs(skb.as_ptr(), bindings::GFP_ATOMIC) } == 0;
        if !is_ours {
            return None;
        }
        // As over a wire, only the bytes arrive: no route, no mark, no connection of a firewall's, which may be
        // those of another namespace. (Its SECMARK stays, as with veth.)
        // SAFETY: As above.
        unsafe {
            bindings::skb_scrub_packet(skb.as_ptr(), true);
            skb.as_ptr()
                .byte_add(bindings::LKM_SKB_PRIORITY)
                .cast::<u32>()
                .write(0);
        }
        // INVARIANT: It was looked at.
        Some(packet)
    }

    /// How many bytes, with the header.
    #[allow(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.member(bindings::LKM_SKB_LEN) as usize
    }

    /// The bytes: where to (6), where from (6), the protocol (2), and what is sent.
    pub fn data(&self) -> &[u8] {
        // SAFETY: By the type invariants, there are so many bytes. Who shares them, such as who has sent
        // them and would send them again, does not change them.
        unsafe {
            let data = self.skb.as_ptr().byte_add(bindings::LKM_SKB_DATA);
            core::slice::from_raw_parts(*data.cast::<*const u8>(), self.len())
        }
    }

    /// Lets go of a packet that was sent.
    pub fn consume(self) {
        self.free(bindings::skb_drop_reason_SKB_CONSUMED);
    }

    fn free(self, reason: bindings::skb_drop_reason) {
        // SAFETY: The packet is owned, and goes.
        unsafe { bindings::dev_kfree_skb_any_reason(self.into_raw(), reason) };
    }

    pub(super) fn into_raw(self) -> *mut bindings::sk_buff {
        ManuallyDrop::new(self).skb.as_ptr()
    }

    /// # Safety
    ///
    /// `skb` must come from [`into_raw`](Self::into_raw), and be nobody else's.
    pub(super) unsafe fn from_raw(skb: NonNull<bindings::sk_buff>) -> Self {
        // INVARIANT: By the safety requirements.
        Self { skb }
    }

    /// Hands the packet to those who listen on an interface (`netif_receive_skb`).
    ///
    /// # Safety
    ///
    /// To be called by NAPI of the interface, which must be up.
    pub(super) unsafe fn receive(self, device: *mut bindings::net_device) {
        if self.forget_time().is_err() {
            return;
        }
        let skb = self.into_raw();
        // SAFETY: By the type invariants and the safety requirements. `eth_type_trans` leaves the header in front of the
        // data. If there is a sum of all bytes, it must be without them: so they go a second time.
        unsafe {
            let protocol = bindings::eth_type_trans(skb, device);
            skb.byte_add(bindings::LKM_SKB_PROTOCOL)
                .cast::<bindings::__be16>()
                .write(protocol);
            bindings::skb_push(skb, HEADER as c_uint);
            bindings::skb_pull_rcsum(skb, HEADER as c_uint);
            bindings::netif_receive_skb(skb);
        }
    }

    /// Nor does a device's time arrive. It may be an address of the kernel's: of where the sender's time is to be put
    /// (AF_XDP), or of where another device has put its own. The next socket would show it.
    fn forget_time(&self) -> Result {
        let flags = bindings::LKM_SKB_SHARED_TX_FLAGS;
        let time = bindings::LKM_SKB_SHARED_HWTSTAMPS;
        // SAFETY: They are there. Who has a copy may write to them meanwhile.
        let (has_flag, has_time) = unsafe {
            (
                self.shared(flags).read_volatile() & bindings::LKM_SKB_HW_TSTAMP_NETDEV != 0,
                self.shared(time).cast::<u64>().read_volatile() != 0,
            )
        };
        if !has_flag && !has_time {
            return Ok(());
        }
        let skb = self.skb.as_ptr();
        // SAFETY: By the type invariants. Who has a copy of the packet may still look at the time, so this makes one of our
        // own. Then the sender has his time, if he asked for it.
        to_result(unsafe { bindings::pskb_expand_head(skb, 0, 0, bindings::GFP_ATOMIC) })?;
        // SAFETY: As above. They are somewhere else now, and nobody else's.
        unsafe {
            bindings::skb_orphan_partial(skb);
            *self.shared(flags) &= !bindings::LKM_SKB_HW_TSTAMP_NETDEV;
            self.shared(time).cast::<u64>().write(0);
        }
        Ok(())
    }

    /// Whether its sender is told when it has gone (`skb_zcopy`), as of `MSG_ZEROCOPY`.
    fn is_of_user(&self) -> bool {
        // SAFETY: It is there.
        let flags = unsafe { *self.shared(bindings::LKM_SKB_SHARED_FLAGS) };
        flags & bindings::LKM_SKB_ZEROCOPY != 0
    }

    /// Where a member of the packet's `skb_shared_info` is, which is behind its head.
    fn shared(&self, offset: usize) -> *mut u8 {
        let end = self.member(bindings::LKM_SKB_END) as usize;
        // SAFETY: The packet is there, and so is its head.
        let head = unsafe {
            *self
                .skb
                .as_ptr()
                .byte_add(bindings::LKM_SKB_HEAD)
                .cast::<*mut u8>()
        };
        head.wrapping_add(end + offset)
    }

    fn member(&self, offset: usize) -> c_uint {
        // SAFETY: The packet is there, and these are members of it.
        unsafe { *self.skb.as_ptr().byte_add(offset).cast::<c_uint>() }
    }
}

/// Makes a packet that somebody else refers to, as pktgen does to send it once more, one that nobody does
/// (`skb_share_check`).
///
/// # Safety
///
/// `skb` must be a packet, of which the caller gives a reference away.
unsafe fn own(skb: *mut bindings::sk_buff) -> Option<NonNull<bindings::sk_buff>> {
    // SAFETY: By the safety requirements, here and below. It is a `refcount_t`.
    let users = unsafe {
        skb.byte_add(bindings::LKM_SKB_USERS)
            .cast::<c_int>()
            .read_volatile()
    };
    if users == 1 {
        return NonNull::new(skb);
    }
    // SAFETY: As above. The reference goes, whether there is a copy or not.
    unsafe {
        let copy = bindings::skb_clone(skb, bindings::GFP_ATOMIC);
        bindings::dev_kfree_skb_any_reason(skb, bindings::skb_drop_reason_SKB_CONSUMED);
        NonNull::new(copy)
    }
}

impl Drop for Packet {
    fn drop(&mut self) {
        let reason = bindings::skb_drop_reason_SKB_DROP_REASON_NOT_SPECIFIED;
        // SAFETY: By the type invariants.
        unsafe { bindings::dev_kfree_skb_any_reason(self.skb.as_ptr(), reason) };
    }
}

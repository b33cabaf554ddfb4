// SPDX-License-Identifier: GPL-2.0-only

//! Attributes: what most netlink messages consist of.

use super::{
    align,
    u16_at,
    Packet, //
};
use crate::{
    bindings,
    compat::errno, //
};
use core::marker::PhantomData;
use kernel::prelude::*;

/// How deep attributes may be within attributes.
pub(super) const MAX_DEPTH: u8 = 8;

/// The length of an attribute's own header, in bytes.
pub(super) const HEADER: usize = 4;

/// The bit that marks an attribute with attributes in it, and all that are not the number.
pub(super) const NESTED: u16 = 0x8000;
const FLAGS: u16 = 0xc000;

/// An attribute: a number, and bytes.
#[derive(Clone, Copy)]
pub struct Attribute<'a> {
    number: u16,
    payload: &'a [u8],
    depth: u8,
}

impl<'a> Attribute<'a> {
    /// Its number, without the flags.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// Its bytes.
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Its bytes as the value of a key.
    ///
    /// Fails with `EINVAL` if they are none.
    pub fn value<V: Value>(&self, _key: Key<V>) -> Result<V::Ref<'a>> {
        V::decode(*self)
    }
}

/// A sequence of attributes.
///
/// It ends with an error if an attribute's length cannot be true: less than its header, or more
/// than is there.
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// use lkm::netlink::{Attributes, Key, Str};
///
/// const LEVEL: Key<u32> = Key::new(1);
/// const NAME: Key<Str<16>> = Key::new(2);
///
/// # fn parse() -> Result {
/// // 8 bytes, number 1, a 7; and 7 bytes, number 2, "ok" with its NUL.
/// let attributes = Attributes::new(b"\x08\0\x01\0\x07\0\0\0\x07\0\x02\0ok\0\0");
/// assert_eq!(attributes.require(LEVEL)?, 7);
/// assert_eq!(attributes.get(NAME)?, Some("ok"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy)]
pub struct Attributes<'a> {
    rest: &'a [u8],
    depth: u8,
}

impl<'a> Attributes<'a> {
    /// Iterates over `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            depth: 0,
        }
    }

    /// Returns a key's value, if there is one; the last if there are several.
    ///
    /// Fails with `EINVAL` if an attribute is malformed, or the value not of the key's type.
    pub fn get<V: Value>(self, key: Key<V>) -> Result<Option<V::Ref<'a>>> {
        let mut found = None;
        for attribute in self {
            let attribute = attribute?;
            if attribute.number == key.number {
                found = Some(attribute);
            }
        }
        found.map(V::decode).transpose()
    }

    /// Returns a key's value. Fails with `EINVAL` also if there is none.
    pub fn require<V: Value>(self, key: Key<V>) -> Result<V::Ref<'a>> {
        self.get(key)?.ok_or(EINVAL)
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let bytes = core::mem::take(&mut self.rest);
        let (Some(length), Some(number)) = (u16_at(bytes, 0), u16_at(bytes, 2)) else {
            return Some(Err(EINVAL));
        };
        let Some(payload) = bytes.get(HEADER..length.into()) else {
            return Some(Err(EINVAL));
        };
        self.rest = bytes.get(align(length.into())..).unwrap_or_default();
        Some(Ok(Attribute {
            number: number & !FLAGS,
            payload,
            depth: self.depth,
        }))
    }
}

/// The number of an attribute, and the type of its value.
pub struct Key<V> {
    number: u16,
    _value: PhantomData<V>,
}

impl<V> Clone for Key<V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Key<V> {}

impl<V: Value> Key<V> {
    /// The attribute `number`, from 1 to 16383.
    #[inline(always)]
    pub const fn new(number: u16) -> Self {
        if number == 0 || number & FLAGS != 0 {
            build_error!("there is no attribute of that number");
        }
        Self {
            number,
            _value: PhantomData,
        }
    }

    /// The number.
    pub const fn number(self) -> u16 {
        self.number
    }

    /// Describes the attribute, for [`Commands::ATTRIBUTES`](super::Commands::ATTRIBUTES).
    pub const fn policy(self) -> Policy {
        Policy {
            number: self.number,
            kind: V::KIND.0,
            length: V::LENGTH,
        }
    }
}

/// What the kernel is to check of an attribute (`struct nla_policy`).
#[derive(Clone, Copy)]
pub struct Policy {
    pub(super) number: u16,
    pub(super) kind: u8,
    pub(super) length: u16,
}

/// What C takes an attribute's value for (`NLA_*`): one of those that need nothing else in the policy.
#[derive(Clone, Copy)]
pub struct Kind(u8);

/// The type of an attribute's value.
pub trait Value {
    /// A value.
    type Ref<'a>;
    /// That of another type of values.
    const KIND: Kind;
    /// The greatest length, in bytes, where the kind leaves it open.
    const LENGTH: u16;

    /// Reads a value. Fails with `EINVAL` if it is none.
    fn decode<'a>(attribute: Attribute<'a>) -> Result<Self::Ref<'a>>;
}

/// A type whose values can be written.
pub trait Put: Value {
    /// Appends a value to `out`.
    fn encode(value: Self::Ref<'_>, out: &mut Packet) -> Result;
}

macro_rules! impl_integer {
    ($($type:ty: $kind:ident;)*) => {$(
        impl Value for $type {
            type Ref<'a> = $type;
            const KIND: Kind = Kind(bindings::$kind as u8);
            const LENGTH: u16 = 0;

            fn decode(attribute: Attribute<'_>) -> Result<$type> {
                let bytes = attribute.payload.try_into().map_err(|_| EINVAL)?;
                Ok(<$type>::from_ne_bytes(bytes))
            }
        }

        impl Put for $type {
            fn encode(value: $type, out: &mut Packet) -> Result {
                out.append(&value.to_ne_bytes())
            }
        }
    )*};
}

impl_integer! {
    u8: NLA_U8;
    u16: NLA_U16;
    u32: NLA_U32;
    u64: NLA_U64;
}

/// UTF-8 of up to `N` bytes, without NUL in it. One at the end is accepted, and sent.
pub struct Str<const N: u16>;

impl<const N: u16> Value for Str<N> {
    type Ref<'a> = &'a str;
    const KIND: Kind = Kind(bindings::NLA_STRING as u8);
    const LENGTH: u16 = N;

    fn decode<'a>(attribute: Attribute<'a>) -> Result<&'a str> {
        let bytes = attribute.payload;
        let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
        if bytes.len() > N.into() || bytes.contains(&0) {
            return Err(EINVAL);
        }
        core::str::from_utf8(bytes).map_err(|_| EINVAL)
    }
}

impl<const N: u16> Put for Str<N> {
    fn encode(value: &str, out: &mut Packet) -> Result {
        out.append(value.as_bytes())?;
        out.append(&[0])
    }
}

/// Up to `N` bytes.
pub struct Bytes<const N: u16>;

impl<const N: u16> Value for Bytes<N> {
    type Ref<'a> = &'a [u8];
    const KIND: Kind = Kind(bindings::NLA_BINARY as u8);
    const LENGTH: u16 = N;

    fn decode<'a>(attribute: Attribute<'a>) -> Result<&'a [u8]> {
        if attribute.payload.len() > N.into() {
            return Err(EINVAL);
        }
        Ok(attribute.payload)
    }
}

impl<const N: u16> Put for Bytes<N> {
    fn encode(value: &[u8], out: &mut Packet) -> Result {
        out.append(value)
    }
}

/// Nothing: what counts is that the attribute is there.
pub struct Flag;

impl Value for Flag {
    type Ref<'a> = ();
    const KIND: Kind = Kind(bindings::NLA_FLAG as u8);
    const LENGTH: u16 = 0;

    fn decode(attribute: Attribute<'_>) -> Result {
        if attribute.payload.is_empty() {
            Ok(())
        } else {
            Err(EINVAL)
        }
    }
}

impl Put for Flag {
    fn encode(_value: (), _out: &mut Packet) -> Result {
        Ok(())
    }
}

/// Attributes. To be written with [`Packet::nest`](super::Packet::nest).
///
/// Reading fails with `ELOOP` if there are eight levels above.
pub struct Nested;

impl Value for Nested {
    type Ref<'a> = Attributes<'a>;
    const KIND: Kind = Kind(bindings::NLA_NESTED as u8);
    const LENGTH: u16 = 0;

    fn decode<'a>(attribute: Attribute<'a>) -> Result<Attributes<'a>> {
        if attribute.depth >= MAX_DEPTH {
            return Err(errno(bindings::ELOOP));
        }
        Ok(Attributes {
            rest: attribute.payload,
            depth: attribute.depth + 1,
        })
    }
}

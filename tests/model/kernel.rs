// SPDX-License-Identifier: GPL-2.0-only

//! As much of the `kernel` crate as the parts under test use, on top of `loom`, which runs them in
//! every order that the memory model allows.

/// What every file imports.
pub mod prelude {
    /// Where memory comes from.
    pub struct Flags;
    /// Memory that may be waited for.
    pub const GFP_KERNEL: Flags = Flags;

    /// What can go wrong.
    #[derive(Debug)]
    pub struct Error;
    /// The caller's fault.
    pub const EINVAL: Error = Error;

    /// What can fail in the kernel.
    pub type Result<T = (), E = Error> = core::result::Result<T, E>;

    /// A vector whose growth can fail.
    pub struct KVec<T>(Vec<T>);

    impl<T> KVec<T> {
        /// An empty one.
        #[expect(clippy::new_without_default, reason = "the kernel's has none either")]
        pub fn new() -> Self {
            Self(Vec::new())
        }

        /// Adds an element.
        pub fn push(&mut self, element: T, _flags: Flags) -> Result {
            self.0.push(element);
            Ok(())
        }
    }

    impl<T> core::ops::Deref for KVec<T> {
        type Target = [T];

        fn deref(&self) -> &[T] {
            &self.0
        }
    }
}

/// Synchronisation.
pub mod sync {
    /// Atomics with the kernel's names and loom's behaviour.
    pub mod atomic {
        use loom::sync::atomic::{AtomicU64, Ordering};

        /// How an access is ordered.
        pub trait Order {
            /// Loom's name of it.
            const ORDER: Ordering;
        }

        macro_rules! orders {
            ($($name:ident)*) => { $(
                /// As the kernel's.
                pub struct $name;

                impl Order for $name {
                    const ORDER: Ordering = Ordering::$name;
                }
            )* };
        }
        orders!(Relaxed Acquire Release);

        /// What can be accessed so.
        pub trait Value {
            /// Loom's type for it.
            type Cell;
        }

        impl Value for u64 {
            type Cell = AtomicU64;
        }

        /// A value that several threads access.
        pub struct Atomic<T: Value>(T::Cell);

        impl Atomic<u64> {
            /// Creates one.
            pub fn new(value: u64) -> Self {
                Self(AtomicU64::new(value))
            }

            /// Reads it.
            pub fn load<O: Order>(&self, _order: O) -> u64 {
                self.0.load(O::ORDER)
            }

            /// Writes it.
            pub fn store<O: Order>(&self, value: u64, _order: O) {
                self.0.store(value, O::ORDER);
            }
        }
    }
}

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
    pub struct KVVec<T>(Vec<T>);

    impl<T> KVVec<T> {
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

    impl<T> core::ops::Deref for KVVec<T> {
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
        use loom::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};

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

        /// As the kernel's: `smp_mb()` before and after.
        pub struct Full;

        /// What can be accessed so.
        pub trait Value: Sized {
            /// Loom's type for it.
            type Cell;

            /// Creates one.
            fn new(value: Self) -> Self::Cell;
            /// Reads it.
            fn load(cell: &Self::Cell, order: Ordering) -> Self;
            /// Writes it.
            fn store(cell: &Self::Cell, value: Self, order: Ordering);
            /// Adds to it, and returns what it was.
            fn fetch_add(cell: &Self::Cell, value: Self, order: Ordering) -> Self;
        }

        macro_rules! values {
            ($($type:ty: $cell:ident;)*) => { $(
                impl Value for $type {
                    type Cell = $cell;

                    fn new(value: Self) -> $cell {
                        $cell::new(value)
                    }

                    fn load(cell: &$cell, order: Ordering) -> Self {
                        cell.load(order)
                    }

                    fn store(cell: &$cell, value: Self, order: Ordering) {
                        cell.store(value, order);
                    }

                    fn fetch_add(cell: &$cell, value: Self, order: Ordering) -> Self {
                        cell.fetch_add(value, order)
                    }
                }
            )* };
        }
        values! {
            u64: AtomicU64;
            usize: AtomicUsize;
        }

        /// A value that several threads access.
        pub struct Atomic<T: Value>(T::Cell);

        impl<T: Value> Atomic<T> {
            /// Creates one.
            pub fn new(value: T) -> Self {
                Self(T::new(value))
            }

            /// Reads it.
            pub fn load<O: Order>(&self, _order: O) -> T {
                T::load(&self.0, O::ORDER)
            }

            /// Writes it.
            pub fn store<O: Order>(&self, value: T, _order: O) {
                T::store(&self.0, value, O::ORDER);
            }

            /// Adds to it, and returns what it was.
            pub fn fetch_add(&self, value: T, _order: Full) -> T {
                fence(Ordering::SeqCst);
                let old = T::fetch_add(&self.0, value, Ordering::AcqRel);
                fence(Ordering::SeqCst);
                old
            }
        }
    }
}

// SPDX-License-Identifier: GPL-2.0-only

//! Memory for many objects of one type.
//!
//! C header: [`include/linux/slab.h`](srctree/include/linux/slab.h)

use crate::{
    bindings,
    context,
    lifetime,
    name::is_name,
    sysfs, //
};
use core::{
    marker::PhantomData,
    ops::{
        Deref,
        DerefMut, //
    },
    ptr::NonNull, //
};
use kernel::{
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    },
};

/// A cache of memory for objects of type `T`, with a line of its own in `/proc/slabinfo`.
///
/// `kmalloc`, which is behind `KBox`, rounds sizes up and shares its caches among all who ask for the
/// same size. A cache of its own wastes less, and tells whose memory it is.
///
/// It goes with its last object, or with this, whichever is later; in what answers a [disk's](crate::block::Operations)
/// requests a little later, in a thread.
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// # use lkm::slab::{Cache, Object};
/// fn three() -> Result<u64> {
///     let cache = Cache::<[u64; 3]>::new(c"lkm_three")?;
///     let mut numbers = cache.alloc([1, 2, 0])?;
///     numbers[2] = numbers[0] + numbers[1];
///     Ok(numbers[2])
/// }
/// ```
pub struct Cache<T>(Arc<Raw>, PhantomData<T>);

/// What the cache and its objects share.
///
/// # Invariants
///
/// The pointer is a cache that this value owns. `objects` is how many there are in it.
struct Raw {
    cache: NonNull<bindings::kmem_cache>,
    name: &'static CStr,
    objects: Atomic<usize>,
}

// SAFETY: A cache may be used and destroyed by any thread.
unsafe impl Send for Raw {}
// SAFETY: A cache has locks of its own.
unsafe impl Sync for Raw {}

impl Drop for Raw {
    fn drop(&mut self) {
        // Each object has a reference to this, so there are none.
        let memory = Memory(self.cache);
        // It waits for CPUs that go, which wait for requests.
        if context::works_for_others() {
            let room = lifetime::until_there_is_memory(|| KBox::new_uninit(GFP_KERNEL));
            lifetime::drop_later(KBox::into_pin(KBox::write(room, memory)));
        }
    }
}

/// A cache that goes.
///
/// # Invariants
///
/// The pointer is a cache that this value owns, without objects.
struct Memory(NonNull<bindings::kmem_cache>);

// SAFETY: A cache may be destroyed by any thread.
unsafe impl Send for Memory {}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::kmem_cache_destroy(self.0.as_ptr()) };
    }
}

impl<T> Cache<T> {
    /// Creates a cache that is called `name` in `/proc/slabinfo`.
    ///
    /// Does not build if `T` is larger than 4 KiB, or aligned to more than a page. Fails with
    /// `EINVAL` if the name is none that a file can have, has a blank in it or begins with a colon, with `EBUSY` if it
    /// is taken, or with `ENOMEM`. May sleep (`kmem_cache_create`).
    pub fn new(name: &'static CStr) -> Result<Self> {
        const { assert!(size_of::<T>() <= 4096 && align_of::<T>() <= PAGE_SIZE) };
        let bytes = name.to_bytes();
        // C has names of its own for caches that it merges, which begin with a colon.
        if !is_name(name)
            || bytes.first() == Some(&b':')
            || bytes.iter().any(u8::is_ascii_whitespace)
        {
            return Err(EINVAL);
        }
        if sysfs::exists(&[c"slab", name]) {
            return Err(EBUSY);
        }
        let size = size_of::<T>().max(1) as c_uint;
        let mut options = bindings::kmem_cache_args {
            align: align_of::<T>() as c_uint,
            // An object may be copied to and from user space. C would stop at what it was not told.
            usersize: size,
            ..pin_init::zeroed()
        };
        // SAFETY: The name is a C string, of which C makes a copy.
        let cache = unsafe {
            let flags = bindings::LKM_SLAB_NO_MERGE;
            bindings::__kmem_cache_create_args(name.as_char_ptr(), size, &mut options, flags)
        };
        // INVARIANT: The cache was just created, and is empty.
        let raw = Raw {
            cache: NonNull::new(cache).ok_or(ENOMEM)?,
            name,
            objects: Atomic::new(0),
        };
        Ok(Self(Arc::new(raw, GFP_KERNEL)?, PhantomData))
    }

    /// Puts a value into memory of the cache.
    ///
    /// Fails with `ENOMEM`. May sleep (`kmem_cache_alloc` with `GFP_KERNEL`). Not for what a
    /// [disk](crate::block::Operations) keeps, nor with a lock that its answers take.
    pub fn alloc(&self, value: T) -> Result<Object<T>> {
        // SAFETY: By the type invariants of `Raw`.
        let object = unsafe {
            bindings::kmem_cache_alloc_noprof(self.0.cache.as_ptr(), bindings::GFP_KERNEL)
        };
        let object = NonNull::new(object.cast::<T>()).ok_or(ENOMEM)?;
        self.0.objects.fetch_add(1, Relaxed);
        // SAFETY: The cache's objects have room for a `T`, and this one is new.
        unsafe { object.write(value) };
        // INVARIANT: It was just allocated and written.
        Ok(Object {
            object,
            cache: self.0.clone(),
            _owned: PhantomData,
        })
    }

    /// Returns how many objects there are. Callable from any context.
    pub fn len(&self) -> usize {
        self.0.objects.load(Relaxed)
    }

    /// Whether there are none. Callable from any context.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Drop for Cache<T> {
    /// The cache goes with the last object. If there are any, the log says so: most likely somebody
    /// has forgotten them.
    fn drop(&mut self) {
        if !self.is_empty() {
            let (count, name) = (self.len(), self.0.name);
            pr_warn!("The cache {name} stays: {count} of its objects were not freed.\n");
        }
    }
}

/// A value in the memory of a [`Cache`]. Dropping it gives the memory back, which may sleep if the
/// cache itself has been dropped (`kmem_cache_free`).
///
/// # Invariants
///
/// `object` is an object of `cache` that this value owns, with a valid `T`.
pub struct Object<T> {
    object: NonNull<T>,
    cache: Arc<Raw>,
    _owned: PhantomData<T>,
}

// SAFETY: The value is owned, and a cache may be used by any thread.
unsafe impl<T: Send> Send for Object<T> {}
// SAFETY: A shared reference gives no more than one to the value.
unsafe impl<T: Sync> Sync for Object<T> {}

impl<T> Deref for Object<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: By the type invariants.
        unsafe { self.object.as_ref() }
    }
}

impl<T> DerefMut for Object<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: By the type invariants.
        unsafe { self.object.as_mut() }
    }
}

impl<T> Drop for Object<T> {
    fn drop(&mut self) {
        // Before, since the value may own the cache.
        self.cache.objects.fetch_sub(1, Relaxed);
        // SAFETY: By the type invariants. Nobody uses the value any more.
        unsafe {
            self.object.drop_in_place();
            bindings::kmem_cache_free(self.cache.cache.as_ptr(), self.object.as_ptr().cast());
        }
    }
}

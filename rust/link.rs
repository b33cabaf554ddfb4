// SPDX-License-Identifier: GPL-2.0-only

//! The way to a device that may go.

use crate::rwsem::RwSemaphore;
use kernel::{
    device::{
        Core,
        Device, //
    },
    devres,
    prelude::*,
    sync::{
        aref::{
            ARef,
            AlwaysRefCounted, //
        },
        Arc,
        LockClassKey, //
    },
};

/// The way to a device, as long as that is bound to the driver.
///
/// A device may go at any time, and who has the driver's file open does not know. So nobody has the
/// device, but a link to it, which is cut when the device is unbound. To cut it is to wait for those who
/// use it; from then on all that is done by it fails with `ENODEV`.
///
/// # Invariants
///
/// If there is a device, it is bound to a driver of this module, and stays so while the lock is held.
#[pin_data]
pub struct Link<D: AlwaysRefCounted> {
    #[pin]
    device: RwSemaphore<Option<ARef<D>>>,
}

/// Cuts the link, and waits until nobody uses it.
struct Cut<D: AlwaysRefCounted>(Arc<Link<D>>);

impl<D: AlwaysRefCounted> Drop for Cut<D> {
    fn drop(&mut self) {
        let device = self.0.device.write().take();
        drop(device);
    }
}

impl<D: AlwaysRefCounted + Send + Sync + 'static> Link<D> {
    /// The link to `bound`, which is also `device`. Fails with `ENOMEM`. May sleep.
    pub(crate) fn to(
        bound: ARef<D>,
        device: &Device<Core<'_>>,
        key: Pin<&'static LockClassKey>,
    ) -> Result<Arc<Self>> {
        // INVARIANT: A `Core` device is bound, or about to be. What is registered below cuts the link
        // before it is so no more.
        let link = Arc::pin_init(
            pin_init!(Self {
                device <- RwSemaphore::new(Some(bound), c"link", key),
            }),
            GFP_KERNEL,
        )?;
        devres::register(device, Cut(link.clone()), GFP_KERNEL)?;
        Ok(link)
    }

    /// Does something with the device, which stays bound meanwhile. Fails with `ENODEV` when it is bound no
    /// more. May sleep.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&D) -> Result<R>) -> Result<R> {
        f(self.device.read().as_ref().ok_or(ENODEV)?)
    }
}

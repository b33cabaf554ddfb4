// SPDX-License-Identifier: GPL-2.0-only

//! Loading and unloading modules.

use crate::tally::{self, Column};
use lkmpg_guest::{IN_GUEST, devices};
use rustix::{
    io::Errno,
    system::{delete_module, finit_module},
};
use std::{
    ffi::CString,
    fmt,
    fs::{self, File},
    path::{Path, PathBuf},
    thread,
};

/// `finit_module`'s flag to have the kernel unpack the file (`MODULE_INIT_COMPRESSED_FILE`).
const COMPRESSED: i32 = 4;
/// `delete_module`'s flag not to wait for the module, which is all that there is.
const O_NONBLOCK: i32 = 0o4000;

/// Why a module did not load.
#[derive(Debug)]
pub enum LoadError {
    /// The build made no such module.
    Missing(std::io::Error),
    /// The kernel, or the module's init, refused.
    Refused(Errno),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(error) => write!(f, "there is no such module: {error}"),
            Self::Refused(errno) => write!(f, "the kernel refused it: {errno}"),
        }
    }
}

impl std::error::Error for LoadError {}

/// A loaded module, which goes when this is dropped, with what was loaded for it.
#[derive(Debug)]
pub struct Module {
    name: String,
    loaded: bool,
    /// The last of the modules that it needs, if they were not there. Dropped after it.
    needs: Option<Box<Module>>,
}

impl Module {
    /// Loads a module of the build, with parameters as `insmod` takes them, after those that it needs
    /// and that are not there.
    ///
    /// Modules are a resource of the whole guest: tests that run at the same time take turns.
    pub fn load(name: &str, parameters: &[&str]) -> Result<Self, LoadError> {
        let needs = Self::load_needs(name)?.map(Box::new);
        let mut module = Self::load_file(name, &module_file(name), parameters)?;
        module.needs = needs;
        Ok(module)
    }

    /// Loads what a module needs and is not there. Its devices are there afterwards, too.
    pub fn load_needs(name: &str) -> Result<Option<Self>, LoadError> {
        devices::await_for(name).map_err(LoadError::Missing)?;
        let mut loaded = None;
        for (name, file) in needs(name) {
            match Self::load_file(&name, &file, &[]) {
                Ok(mut module) => {
                    module.needs = loaded.map(Box::new);
                    loaded = Some(module);
                }
                // It is somebody else's.
                Err(LoadError::Refused(Errno::EXIST)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(loaded)
    }

    fn load_file(name: &str, file: &Path, parameters: &[&str]) -> Result<Self, LoadError> {
        let in_guest = Path::new(IN_GUEST).exists();
        assert!(in_guest, "modules are loaded in the VM only: make test");
        // A distribution's own may be compressed.
        let flags = match file.extension().is_some_and(|it| it == "ko") {
            true => 0,
            false => COMPRESSED,
        };
        let file = File::open(file).map_err(LoadError::Missing)?;
        let parameters = CString::new(parameters.join(" ")).expect("parameters without NUL");
        finit_module(&file, &parameters, flags).map_err(LoadError::Refused)?;
        Ok(Self::adopt(name))
    }

    /// Takes responsibility for a module that something else loaded.
    pub fn adopt(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            loaded: true,
            needs: None,
        }
    }

    /// Where its code is.
    pub fn code(&self) -> (u64, u64) {
        let folder = format!("/sys/module/{}", self.name);
        let start = fs::read_to_string(format!("{folder}/sections/.text")).expect("its code");
        let start = start.trim().trim_start_matches("0x");
        let start = u64::from_str_radix(start, 16).expect("an address");
        let size = fs::read_to_string(format!("{folder}/coresize")).expect("its size");
        (start, start + size.trim().parse::<u64>().expect("a number"))
    }

    /// Unloads the module and what was loaded for it, or says which of them cannot be, and why.
    pub fn unload(mut self) -> Result<(), InUse> {
        match self.delete() {
            Ok(()) => self.needs.take().map_or(Ok(()), |it| it.unload()),
            Err(errno) => Err(InUse {
                module: self,
                errno,
            }),
        }
    }

    fn delete(&mut self) -> Result<(), Errno> {
        let name = CString::new(&*self.name).expect("a name without NUL");
        delete_module(&name, O_NONBLOCK)?;
        self.loaded = false;
        tally::add(&self.name, Column::Loads, 1);
        Ok(())
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        if !self.loaded {
            return;
        }
        // A test that failed may have left it in use; that is not the news then.
        match self.delete() {
            Err(errno) if !thread::panicking() => {
                panic!("{} does not unload: {errno}", self.name);
            }
            _ => {}
        }
    }
}

/// A module that could not be unloaded.
#[derive(Debug)]
pub struct InUse {
    module: Module,
    errno: Errno,
}

impl InUse {
    /// Leaves the module to somebody else, who is about to load or unload it, too.
    pub fn leave(mut self) {
        self.module.loaded = false;
    }

    /// Returns the module, if somebody just has it open.
    pub fn busy(self) -> Module {
        self.into_module(Errno::AGAIN)
    }

    /// Returns the module, which is still loaded, after a look at why it is.
    pub fn into_module(self, expected: Errno) -> Module {
        assert_eq!(self.errno, expected);
        assert!(is_loaded(&self.module.name));
        self.module
    }
}

/// Where the build's module is in the guest. Its file may have `-` where its name has `_`.
pub fn module_file(name: &str) -> PathBuf {
    let file = PathBuf::from(format!("/modules/{name}.ko"));
    let mut all = fs::read_dir("/modules")
        .into_iter()
        .flatten()
        .flatten()
        .map(|it| it.path());
    let is_it = |it: &PathBuf| name_of(it).as_deref() == Some(name);
    match file.exists() {
        true => file,
        false => all.find(is_it).unwrap_or(file),
    }
}

/// The name of the module in a file, which may be compressed.
fn name_of(file: &Path) -> Option<String> {
    let (name, _) = file.file_name()?.to_str()?.split_once(".ko")?;
    Some(name.replace('-', "_"))
}

/// The modules that one needs, with their files, those first that the others need. By depmod's list:
/// `extra/a.ko: extra/b.ko extra/c.ko`, where `c.ko` is to be loaded first.
pub fn needs(name: &str) -> Vec<(String, PathBuf)> {
    let system = rustix::system::uname();
    let release = system.release().to_str().expect("a release");
    let folder = Path::new("/lib/modules").join(release);
    let list = fs::read_to_string(folder.join("modules.dep")).expect("modules.dep");
    let mut lines = list.lines().filter_map(|it| it.split_once(':'));
    let line = lines.find(|(file, _)| name_of(Path::new(file)).as_deref() == Some(name));
    let needs = line.map_or("", |(_, needs)| needs).split_whitespace();
    let files = needs.rev().map(|it| folder.join(it));
    files.filter_map(|it| Some((name_of(&it)?, it))).collect()
}

/// Whether a part of the kernel itself has a module's name, which then cannot be loaded: Debian's
/// kernels have a parameter `syscall.x32`.
pub fn is_built_in(name: &str) -> bool {
    let folder = Path::new("/sys/module").join(name);
    folder.exists() && !folder.join("initstate").exists()
}

/// Whether a module is loaded.
pub fn is_loaded(name: &str) -> bool {
    let modules = fs::read_to_string("/proc/modules").expect("/proc/modules");
    modules
        .lines()
        .any(|line| line.split(' ').next() == Some(name))
}

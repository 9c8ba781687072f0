//! Loading an app's shared library, and making sure that it speaks the daemon's language before
//! any of its code is called by us.
//! Not for: calling it (`api`).
#![expect(unsafe_code, reason = "dlopen(3) and reading the symbol that it finds")]

use std::ffi::CStr;
use std::fmt;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU32, Ordering};

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use ringsocket_app::abi;

use super::image::{Image, ImageError};

/// The callbacks of a loaded app, valid for the life of the process.
#[derive(Clone, Copy, Debug)]
pub struct Callbacks(&'static abi::App);

/// Why a file cannot be used as an app.
#[derive(Debug)]
pub enum LoadError {
    /// Its file cannot be read, or not copied.
    Image(ImageError),
    /// dlopen(3) refused it; its words say why.
    Open(String),
    /// It does not export the symbol that makes it an app.
    NoSymbol,
    /// It was built for another version of the interface.
    Version {
        /// The app's version.
        app: u32,
        /// What it says it was built with.
        built_with: String,
    },
    /// Its description has a size that none of this version has.
    Size(u32),
    /// There is something wrong with the subprotocols that it names.
    Subprotocols(String),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(error) => write!(f, "{error}"),
            Self::Open(why) => f.write_str(why),
            Self::NoSymbol => write!(
                f,
                "it exports no symbol `{}`: it is not a RingSocket app (in Rust, \
                 `ringsocket_app::export!` makes one; in C, see ringsocket.h)",
                abi::SYMBOL
            ),
            Self::Version { app, built_with } => write!(
                f,
                "it was built for version {app} of the app interface ({built_with}), but this \
                 daemon ({}) speaks version {}: build the app anew",
                env!("CARGO_PKG_VERSION"),
                abi::ABI_VERSION
            ),
            Self::Size(size) => write!(
                f,
                "its description says that it has {size} bytes (struct_size), where version {} of \
                 the app interface has had at least {}: build the app anew",
                abi::ABI_VERSION,
                abi::App::FIRST_SIZE
            ),
            Self::Subprotocols(what) => write!(f, "its subprotocols cannot be used: {what}"),
        }
    }
}

impl std::error::Error for LoadError {}

impl Callbacks {
    /// Loads a private copy of the library and checks its version. Its constructors run here; it is
    /// never unloaded, since a Rust library must not be (its threads and thread-locals may outlive
    /// any use of it). Loaded twice, it is there twice, each with variables of its own. As long as the
    /// copy is open debuggers can read it, by the path by which it was loaded.
    ///
    /// # Errors
    /// If the file is not an app, or not one for this version of the interface.
    pub fn load(image: &Image, name: &str) -> Result<(Self, OwnedFd), LoadError> {
        let copy = image.copy(&format!("{name}.so")).map_err(LoadError::Image)?;
        let path = unique_path(copy.as_raw_fd());
        // SAFETY: loading runs the library's constructors, which can do anything. Whoever may put a
        // file into the apps folder, or name it in the configuration, is trusted with that: it is
        // root, by the permissions of both.
        let library = unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_LOCAL) };
        let library = library.map_err(|error| {
            let why = error.to_string();
            LoadError::Open(why.strip_prefix(&format!("{path}: ")).unwrap_or(&why).to_owned())
        })?;
        // SAFETY: the symbol is not called, and of the data at its address nothing is believed but
        // the two numbers at its start, before those have been checked.
        let symbol = unsafe { library.get::<*const abi::App>(abi::SYMBOL.as_bytes()) };
        let app = match symbol {
            Ok(symbol) => *symbol,
            Err(_) => return Err(LoadError::NoSymbol),
        };
        std::mem::forget(library);
        if app.is_null() {
            return Err(LoadError::NoSymbol);
        }
        // SAFETY: a symbol of this name promises, by the header, to start with `abi_version`.
        let abi_version = unsafe { (&raw const (*app).abi_version).read() };
        if abi_version != abi::ABI_VERSION {
            let built_with = "unknown".to_owned();
            return Err(LoadError::Version { app: abi_version, built_with });
        }
        // SAFETY: as above, and `struct_size` follows in every version.
        let struct_size = unsafe { (&raw const (*app).struct_size).read() };
        let size = struct_size as usize;
        // All members are as long as a pointer from the first callback on, so none is cut in two.
        if size < abi::App::FIRST_SIZE || size % size_of::<usize>() != 0 {
            return Err(LoadError::Size(struct_size));
        }
        // What the app was built without counts as zero; what it has beyond our knowledge is left.
        let mut whole = MaybeUninit::<abi::App>::zeroed();
        let known = size.min(size_of::<abi::App>());
        // SAFETY: version and size say that so many bytes of a table lie here, which is constant by
        // the header's word; and so many have room in ours, which is another one.
        unsafe { app.cast::<u8>().copy_to_nonoverlapping(whole.as_mut_ptr().cast(), known) };
        // SAFETY: its bytes are those of members of an app's table or zero, and each member may be
        // zero: numbers, null pointers, callbacks that are not there.
        let whole = unsafe { whole.assume_init() };
        Ok((Self(Box::leak(Box::new(whole))), copy))
    }

    /// Whether they may be called on other threads than the app's own.
    pub fn run_on_any_thread(self) -> bool {
        self.0.flags & abi::APP_ANY_THREAD != 0
    }

    /// Whether the app decides about upgrades.
    pub fn decide_upgrades(self) -> bool {
        self.0.upgrade.is_some()
    }

    /// Whether the app vouches for the text that it sends.
    pub fn send_utf8(self) -> bool {
        self.0.flags & abi::APP_UTF8_SENT != 0
    }

    /// The subprotocols that the app speaks.
    ///
    /// # Errors
    /// If their number or a name is not as the header wants them.
    pub fn subprotocols(self) -> Result<Vec<String>, LoadError> {
        let abi::App { subprotocols, subprotocol_c: count, .. } = *self.0;
        let most = abi::SUBPROTOCOL_MAX_C;
        if count > most {
            let what = format!("it names {count} of them (subprotocol_c), and the most is {most}");
            return Err(LoadError::Subprotocols(what));
        }
        if count > 0 && subprotocols.is_null() {
            let what = format!("it says {count} (subprotocol_c) where there is no list of them");
            return Err(LoadError::Subprotocols(what));
        }
        let mut names = Vec::with_capacity(count);
        for index in 0..count {
            // SAFETY: not null, so by the header's word an array of that many, constant and valid
            // for the life of the process.
            let abi::Bytes { data, size } = unsafe { *subprotocols.add(index) };
            let name: &[u8] = match data.is_null() {
                true => &[],
                // SAFETY: as above, for the bytes of the name.
                false => unsafe { std::slice::from_raw_parts(data, size) },
            };
            if !abi::is_token(name) {
                let what =
                    format!("\"{}\" is no token (RFC 9110 section 5.6.2)", name.escape_ascii());
                return Err(LoadError::Subprotocols(what));
            }
            names.push(String::from_utf8_lossy(name).into_owned());
        }
        Ok(names)
    }

    /// Takes callbacks that are linked in, for tests.
    pub fn linked(app: &'static abi::App) -> Self {
        Self(app)
    }

    /// The callbacks.
    pub fn get(self) -> &'static abi::App {
        self.0
    }

    /// What the app says it was built with.
    pub fn built_with(self) -> String {
        if self.0.built_with.is_null() {
            return "unknown".to_owned();
        }
        // SAFETY: not null, so by the header's word a NUL-terminated constant string.
        let text = unsafe { CStr::from_ptr(self.0.built_with) };
        text.to_string_lossy().chars().take(100).collect()
    }
}

/// A path to a descriptor that no library has been loaded by before: dlopen(3) takes two that are
/// spelled alike for the same library, and descriptors are used again. The kernel makes nothing of
/// the slashes and dots that spell a number here. It is not that by /proc/self, where a debugger would
/// look among its own descriptors.
fn unique_path(fd: RawFd) -> String {
    static LOADED: AtomicU32 = AtomicU32::new(0);
    let number = LOADED.fetch_add(1, Ordering::Relaxed);
    let bits = (0..u32::BITS - number.leading_zeros()).map(|bit| number >> bit & 1 == 1);
    let spelled: String = bits.map(|is_one| if is_one { "./" } else { "/" }).collect();
    format!("/proc/{}/fd/{spelled}{fd}", std::process::id())
}

#[cfg(test)]
mod tests {
    use std::ptr::null;

    use super::*;

    #[test]
    fn a_bad_number_of_subprotocols_is_named_for_what_it_is() {
        let said = |subprotocols: *const abi::Bytes, subprotocol_c| {
            let table = abi::App {
                abi_version: abi::ABI_VERSION,
                struct_size: size_of::<abi::App>() as u32,
                built_with: null(),
                init: None,
                open: None,
                read: None,
                close: None,
                timer: None,
                quit: None,
                subprotocols,
                subprotocol_c,
                flags: 0,
                upgrade: None,
                drain: None,
                save: None,
                restore: None,
            };
            let names = Callbacks::linked(Box::leak(Box::new(table))).subprotocols();
            names.map_err(|error| error.to_string())
        };
        let names = [abi::Bytes::of(b"a"); 2];
        assert_eq!(said(names.as_ptr(), 2), Ok(vec!["a".to_owned(); 2]));
        assert_eq!(said(null(), 0), Ok(Vec::new()));
        let none = said(null(), 3).unwrap_err();
        assert!(
            none.ends_with("it says 3 (subprotocol_c) where there is no list of them"),
            "{none}"
        );
        let many = said(names.as_ptr(), 17).unwrap_err();
        assert!(
            many.ends_with("it names 17 of them (subprotocol_c), and the most is 16"),
            "{many}"
        );
    }
}

//! Log levels, and macros that write a formatted line to the server's log.

use crate::abi;
use std::ffi::c_int;

/// Importance of a log line, as in syslog(3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Something failed that somebody must look at.
    Error,
    /// Something is not as it should be, but the app can cope.
    Warning,
    /// Normal, but significant.
    Notice,
    /// Information.
    Info,
    /// Details for debugging.
    Debug,
}

impl Level {
    pub(crate) const fn to_abi(self) -> c_int {
        match self {
            Self::Error => abi::LEVEL_ERROR,
            Self::Warning => abi::LEVEL_WARNING,
            Self::Notice => abi::LEVEL_NOTICE,
            Self::Info => abi::LEVEL_INFO,
            Self::Debug => abi::LEVEL_DEBUG,
        }
    }

    pub(crate) const fn from_abi(level: c_int) -> Option<Self> {
        Some(match level {
            abi::LEVEL_ERROR => Self::Error,
            abi::LEVEL_WARNING => Self::Warning,
            abi::LEVEL_NOTICE => Self::Notice,
            abi::LEVEL_INFO => Self::Info,
            abi::LEVEL_DEBUG => Self::Debug,
            _ => return None,
        })
    }
}

macro_rules! log_macro {
    ($dollar:tt $name:ident $level:ident $what:literal) => {
        #[doc = concat!("Logs ", $what, ": `", stringify!($name), "!(cx, \"{} left\", name)`.")]
        ///
        /// The first argument is the [`Context`](crate::Context) of the callback, the others are
        /// those of [`format!`].
        #[macro_export]
        macro_rules! $name {
            ($dollar cx:expr, $dollar($dollar arg:tt)+) => {
                $dollar cx.log($crate::Level::$level, ::core::format_args!($dollar($dollar arg)+))
            };
        }
    };
}

log_macro!($ error Error "an error");
log_macro!($ warning Warning "a warning");
log_macro!($ notice Notice "a significant event");
log_macro!($ info Info "information");
log_macro!($ debug Debug "details for debugging");

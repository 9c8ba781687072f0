//! Short forms of the functions above: `log::error!(app: name, "text {}", arguments)`.
//! Not for: other crates, which have no business in the daemon's log.
//!
//! Fields (`id`, `app`, `worker`, `client`, `peer`, `code`) come first, each with its value; nothing is
//! evaluated when the level is not logged.
#![allow(
    unused_macros,
    unused_imports,
    reason = "a set: no level goes missing when the last use does"
)]

/// The fields of a line, converted to what [`super::Fields`] holds.
macro_rules! field {
    (id, $value:expr) => {
        ::core::option::Option::Some($value)
    };
    (app, $value:expr) => {
        ::core::option::Option::Some(::core::convert::AsRef::<str>::as_ref(&$value))
    };
    (worker, $value:expr) => {
        ::core::option::Option::Some($crate::log::into($value))
    };
    (client, $value:expr) => {
        ::core::option::Option::Some($crate::log::into($value))
    };
    (peer, $value:expr) => {
        ::core::option::Option::Some(&$value as &dyn ::core::fmt::Display)
    };
    (code, $value:expr) => {
        ::core::option::Option::Some($value)
    };
}

/// A line at a level.
macro_rules! at {
    ($level:expr, $($key:ident: $value:expr,)* $format:literal $($argument:tt)*) => {
        if $crate::log::enabled($level) {
            #[allow(clippy::needless_update, reason = "a line may name every field")]
            $crate::log::write(
                $level,
                $crate::log::Fields {
                    $($key: $crate::log::macros::field!($key, $value),)*
                    ..$crate::log::Fields::default()
                },
                ::core::format_args!($format $($argument)*),
            )
        }
    };
}

/// A line at a level about an event that strangers can repeat: five at once from each place in the
/// source, then one in ten seconds, which says how many were left out.
macro_rules! limited {
    ($level:expr, $($key:ident: $value:expr,)* $format:literal $($argument:tt)*) => {{
        static LIMITER: $crate::log::Limiter = $crate::log::Limiter::new(5, 10);
        if $crate::log::enabled($level) {
            #[allow(clippy::needless_update, reason = "a line may name every field")]
            $crate::log::limited(
                &LIMITER,
                $level,
                $crate::log::Fields {
                    $($key: $crate::log::macros::field!($key, $value),)*
                    ..$crate::log::Fields::default()
                },
                ::core::format_args!($format $($argument)*),
            )
        }
    }};
}

macro_rules! error {
    ($($line:tt)+) => { $crate::log::macros::at!($crate::log::Level::Error, $($line)+) };
}
macro_rules! warning {
    ($($line:tt)+) => { $crate::log::macros::at!($crate::log::Level::Warning, $($line)+) };
}
macro_rules! notice {
    ($($line:tt)+) => { $crate::log::macros::at!($crate::log::Level::Notice, $($line)+) };
}
macro_rules! info {
    ($($line:tt)+) => { $crate::log::macros::at!($crate::log::Level::Info, $($line)+) };
}
macro_rules! debug {
    ($($line:tt)+) => { $crate::log::macros::at!($crate::log::Level::Debug, $($line)+) };
}

pub(crate) use {at, debug, error, field, info, limited, notice, warning};

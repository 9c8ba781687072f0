//! Typed messages: decoded and checked before an app sees them, in the manner of the C layer's
//! `RS_READ_SWITCH`. Declared with [`messages!`](crate::messages!), which this module's traits serve.
//!
//! Numbers are in network byte order, one after the other without gaps. An array or a string has no
//! length of its own: it is the last field, and takes what is left of the message.
//!
//! | type of a field | bytes | |
//! | --- | --- | --- |
//! | `u8` to `u128`, `i8` to `i128`, `f32`, `f64` | 1 to 16 | |
//! | `bool` | 1 | 0 or 1 |
//! | `[T; N]`, where `T` is a type with a size | N times T's | |
//! | `&'a [u8; N]` | N | borrowed from the message |
//! | a `struct` of [`messages!`](crate::messages!) without a kind | the sum of its fields | |
//! | any other that implements [`Fixed`] | its `SIZE` | |
//! | `&'a str`, `String` | the rest | last field only; UTF-8 |
//! | `&'a [u8]`, `Vec<T>` | the rest | last field only |
//! | [`Packed<'a, T>`](Packed) | the rest | last field only; borrowed, elements decoded when asked for |

mod fixed;
mod input;
mod macros;
mod mismatch;
mod rest;
mod shape;

pub use fixed::Fixed;
pub use mismatch::{Mismatch, code};
pub use rest::{Field, Packed, Rest};

pub(crate) use input::Input;
pub(crate) use shape::{Kind, Shape};

/// What the expansion of [`messages!`](crate::messages!) needs; nobody else does.
pub(crate) mod private {
    pub use super::input::Input;
    pub use super::shape::{Kind, Shape, bounds};
}

use crate::{ClientId, Context, Message};

/// A message that can be decoded: [`messages!`](crate::messages!) implements it.
pub trait Decode<'a>: Sized {
    /// Decodes a message.
    ///
    /// # Errors
    ///
    /// What does not fit.
    fn decode(message: Message<'a>) -> Result<Self, Mismatch>;
}

impl<'a> Message<'a> {
    /// Decodes a message whose type was declared with [`messages!`](crate::messages!).
    /// [`Context::decode`] also closes the client if that fails.
    ///
    /// # Errors
    ///
    /// What does not fit.
    ///
    /// ```
    /// # use ringsocket_app::{Message, messages};
    /// messages! {
    ///     binary struct Key { number: u32 }
    /// }
    /// let key: Key = Message::Binary(&[0, 0, 1, 0]).decode().unwrap();
    /// assert_eq!(key.number, 256);
    /// let error = Message::Binary(&[0, 1]).decode::<Key>().err().unwrap();
    /// assert_eq!(error.to_string(), "Key takes 4 bytes, not 2");
    /// ```
    #[inline]
    pub fn decode<T: Decode<'a>>(self) -> Result<T, Mismatch> {
        T::decode(self)
    }
}

impl Context<'_> {
    /// Decodes a client's message whose type was declared with [`messages!`](crate::messages!). If it
    /// does not fit, the client is closed, with a reason that says what was expected.
    ///
    /// | code | why |
    /// | --- | --- |
    /// | 4900 | wrong size |
    /// | 4901 | text where binary was wanted, or the reverse |
    /// | 4902 | no case for the first byte |
    /// | 1007 | text that is not UTF-8, or another value that its type does not have |
    ///
    /// ```
    /// use ringsocket_app::{ClientId, Context, Message, messages};
    ///
    /// messages! {
    ///     enum Request<'a> {
    ///         binary Move { x: i16, y: i16 } = 1,
    ///         text Say { line: &'a str where 1..=500 } = b's',
    ///     }
    /// }
    ///
    /// fn read(cx: &mut Context<'_>, client: ClientId, message: Message<'_>) {
    ///     match cx.decode(client, message) {
    ///         Some(Request::Move { x, y }) => cx.to(client).text(format_args!("at {x}, {y}")),
    ///         Some(Request::Say { line }) => cx.to_all().except(client).text(line),
    ///         None => {} // It has been closed.
    ///     }
    /// }
    /// ```
    #[inline]
    pub fn decode<'m, T: Decode<'m>>(&self, client: ClientId, message: Message<'m>) -> Option<T> {
        match T::decode(message) {
            Ok(value) => Some(value),
            Err(mismatch) => {
                self.reject(client, &mismatch);
                None
            }
        }
    }

    #[cold]
    fn reject(&self, client: ClientId, mismatch: &Mismatch) {
        self.close(client, mismatch.code(), &mismatch.reason());
    }
}

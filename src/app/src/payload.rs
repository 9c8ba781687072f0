//! What can be sent: messages, texts, bytes, formatted texts, and typed messages, which write
//! themselves into a [`Buffer`].

use crate::typed::Field;
use crate::{Error, Message};
use std::borrow::Cow;
use std::fmt;

/// What [`Recipients::send`](crate::Recipients::send) takes: a [`Message`], text, bytes, or a typed
/// message ([`messages!`](crate::messages!)), by value or by reference.
pub trait Payload {
    /// Hands the message to `send`, and returns its result.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] for a typed message that is not as it is declared; `send` is not called
    /// then.
    fn with<R>(&self, send: impl FnOnce(Message<'_>) -> R) -> Result<R, Error>;
}

/// What [`Recipients::text`](crate::Recipients::text) takes: a string of any type, or
/// [`format_args!`], which needs no `String` on its way.
pub trait Text {
    /// Hands the text to `send`, and returns its result.
    fn with_str<R>(&self, send: impl FnOnce(&str) -> R) -> R;
}

impl<T: Payload + ?Sized> Payload for &T {
    #[inline]
    fn with<R>(&self, send: impl FnOnce(Message<'_>) -> R) -> Result<R, Error> {
        (**self).with(send)
    }
}

impl Payload for Message<'_> {
    #[inline]
    fn with<R>(&self, send: impl FnOnce(Message<'_>) -> R) -> Result<R, Error> {
        Ok(send(*self))
    }
}

macro_rules! payload {
    ($($type:ty as $kind:ident,)+) => {
        $(impl Payload for $type {
            #[inline]
            fn with<R>(&self, send: impl FnOnce(Message<'_>) -> R) -> Result<R, Error> {
                Ok(send(Message::$kind(self)))
            }
        })+
    };
}

payload!(str as Text, String as Text, [u8] as Binary, Vec<u8> as Binary,);

impl<const N: usize> Payload for [u8; N] {
    #[inline]
    fn with<R>(&self, send: impl FnOnce(Message<'_>) -> R) -> Result<R, Error> {
        Ok(send(Message::Binary(self)))
    }
}

impl Payload for fmt::Arguments<'_> {
    fn with<R>(&self, send: impl FnOnce(Message<'_>) -> R) -> Result<R, Error> {
        Ok(self.with_str(|text| send(Message::Text(text))))
    }
}

impl<T: Text + ?Sized> Text for &T {
    #[inline]
    fn with_str<R>(&self, send: impl FnOnce(&str) -> R) -> R {
        (**self).with_str(send)
    }
}

impl Text for str {
    #[inline]
    fn with_str<R>(&self, send: impl FnOnce(&str) -> R) -> R {
        send(self)
    }
}

impl Text for String {
    #[inline]
    fn with_str<R>(&self, send: impl FnOnce(&str) -> R) -> R {
        send(self)
    }
}

impl Text for Cow<'_, str> {
    #[inline]
    fn with_str<R>(&self, send: impl FnOnce(&str) -> R) -> R {
        send(self)
    }
}

impl Text for fmt::Arguments<'_> {
    fn with_str<R>(&self, send: impl FnOnce(&str) -> R) -> R {
        if let Some(text) = self.as_str() {
            return send(text);
        }
        let mut buffer = Buffer::new();
        fmt::write(&mut buffer, *self).expect("a value that is formatted returned an error");
        send(buffer.as_str().expect("strings follow each other"))
    }
}

/// Most bytes of a message that is put together without an allocation.
const SHORT: usize = 256;

/// Where a message is put together: on the stack, and on the heap if it grows beyond 256 bytes.
pub struct Buffer {
    short: [u8; SHORT],
    size: usize,
    /// Everything, once it is more than `short` holds.
    long: Vec<u8>,
}

impl Buffer {
    /// An empty one.
    #[must_use]
    #[inline]
    pub const fn new() -> Self {
        Self { short: [0; SHORT], size: 0, long: Vec::new() }
    }

    /// Appends bytes.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) {
        match self.short.get_mut(self.size..).and_then(|room| room.get_mut(..bytes.len())) {
            Some(room) if self.long.is_empty() => {
                room.copy_from_slice(bytes);
                self.size += bytes.len();
            }
            _ => self.spill(bytes),
        }
    }

    #[cold]
    fn spill(&mut self, bytes: &[u8]) {
        if self.long.is_empty() {
            self.long.extend_from_slice(&self.short[..self.size]);
        }
        self.long.extend_from_slice(bytes);
    }

    /// What has been appended.
    #[must_use]
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        if self.long.is_empty() { &self.short[..self.size] } else { &self.long }
    }

    /// What has been appended, if it is text.
    fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()).ok()
    }

    /// Appends the last field of a typed message.
    ///
    /// # Errors
    ///
    /// It has not as many elements as it should.
    #[doc(hidden)]
    #[inline]
    pub fn push_last<'a, T: Field<'a>>(
        &mut self,
        field: &T,
        (min, max): (usize, usize),
    ) -> Result<(), Error> {
        if !(min..=max).contains(&field.count()) {
            return Err(Error::Malformed);
        }
        field.write_all(self);
        Ok(())
    }

    /// Hands over what has been appended as a message.
    ///
    /// # Errors
    ///
    /// It should be text and is not.
    #[doc(hidden)]
    pub fn send<R>(&self, is_text: bool, send: impl FnOnce(Message<'_>) -> R) -> Result<R, Error> {
        let message = match is_text {
            true => Message::Text(self.as_str().ok_or(Error::Malformed)?),
            false => Message::Binary(self.as_bytes()),
        };
        Ok(send(message))
    }
}

impl Default for Buffer {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Buffer").field(&self.as_bytes()).finish()
    }
}

impl fmt::Write for Buffer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_keeps_everything_in_order_wherever_it_lies() {
        for piece in [1, 7, 255, 256, 257, 1000] {
            let all: Vec<u8> = (0..2000).map(|i| i as u8).collect();
            let mut buffer = Buffer::new();
            for bytes in all.chunks(piece) {
                buffer.push(bytes);
                buffer.push(&[]);
            }
            assert_eq!(buffer.as_bytes(), all, "in pieces of {piece}");
        }
        assert_eq!(Buffer::new().as_bytes(), b"");
    }

    #[test]
    fn formatted_text_of_any_length_arrives_whole() {
        for size in [0, 1, 255, 256, 257, 5000] {
            let (first, second) = ("é".repeat(size / 2), "x".repeat(size));
            let expected = format!("{first} and {second}");
            format_args!("{first} and {second}").with_str(|text| assert_eq!(text, expected));
        }
        format_args!("as it is").with_str(|text| assert_eq!(text, "as it is"));
    }
}

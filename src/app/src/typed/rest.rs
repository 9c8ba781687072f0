//! Last fields: those of a fixed size, and those that take the rest of a message.

use super::{Fixed, Input};
use crate::Buffer;
use std::fmt;
use std::marker::PhantomData;

/// A type of a last field: one with a [`Fixed`] size, or one that takes the rest of the message.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a message",
    label = "see the table in the documentation of `ringsocket_app::typed`"
)]
pub trait Field<'a>: Sized {
    /// Size of an element, in bytes.
    const UNIT: usize;
    /// Least and largest number of elements, where the declaration says nothing else.
    const BOUNDS: (usize, usize);

    /// The value of what is left of a message. `None` if it means nothing.
    #[doc(hidden)]
    fn from_input(input: Input<'a>) -> Option<Self>;

    /// Number of elements.
    #[doc(hidden)]
    fn count(&self) -> usize;

    /// Appends the elements.
    #[doc(hidden)]
    fn write_all(&self, to: &mut Buffer);
}

/// A type of a field that takes the rest of the message, and whose declaration may say how many
/// elements that are: `line: &'a str where 1..=500`. Those of strings are bytes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not take the rest of a message",
    label = "`where` is for strings, slices, `Vec` and `Packed`"
)]
pub trait Rest<'a>: Field<'a> {}

impl<'a, T: Fixed<'a>> Field<'a> for T {
    const UNIT: usize = T::SIZE;
    const BOUNDS: (usize, usize) = (1, 1);

    #[inline]
    fn from_input(input: Input<'a>) -> Option<Self> {
        T::from_bytes(input.bytes())
    }

    #[inline]
    fn count(&self) -> usize {
        1
    }

    #[inline]
    fn write_all(&self, to: &mut Buffer) {
        self.write(to);
    }
}

/// Implements both traits for a type that is made of bytes.
macro_rules! rest_of_bytes {
    ($lifetime:lifetime $type:ty: $input:ident => $value:expr) => {
        impl<$lifetime> Rest<$lifetime> for $type {}

        impl<$lifetime> Field<$lifetime> for $type {
            const UNIT: usize = 1;
            const BOUNDS: (usize, usize) = (0, usize::MAX);

            #[inline]
            fn from_input($input: Input<$lifetime>) -> Option<Self> {
                $value
            }

            #[inline]
            fn count(&self) -> usize {
                self.len()
            }

            #[inline]
            fn write_all(&self, to: &mut Buffer) {
                to.push(self.as_ref());
            }
        }
    };
}

rest_of_bytes!('a &'a [u8]: input => Some(input.bytes()));
rest_of_bytes!('a &'a str: input => input.text());
rest_of_bytes!('a String: input => input.text().map(str::to_owned));

/// Size of an array's element. The app does not compile if that is 0.
const fn element_size<'a, T: Fixed<'a>>() -> usize {
    const { assert!(T::SIZE > 0, "the elements of an array must have a size") };
    T::SIZE
}

impl<'a, T: Fixed<'a>> Rest<'a> for Vec<T> {}

impl<'a, T: Fixed<'a>> Field<'a> for Vec<T> {
    const UNIT: usize = T::SIZE;
    const BOUNDS: (usize, usize) = (0, usize::MAX);

    #[inline]
    fn from_input(input: Input<'a>) -> Option<Self> {
        let elements = input.bytes().chunks_exact(element_size::<T>());
        let mut all = Self::with_capacity(elements.len());
        for element in elements {
            all.push(T::from_bytes(element)?);
        }
        Some(all)
    }

    #[inline]
    fn count(&self) -> usize {
        self.len()
    }

    #[inline]
    fn write_all(&self, to: &mut Buffer) {
        for element in self {
            element.write(to);
        }
    }
}

/// Elements as they lie in a message: borrowed, and decoded when asked for.
///
/// ```
/// use ringsocket_app::{Message, messages, typed::Packed};
///
/// messages! {
///     binary struct Samples<'a> { rate: u16, samples: Packed<'a, i16> where 1..=4096 }
/// }
///
/// let message = Message::Binary(&[0, 8, 0, 1, 0xff, 0xff]);
/// let Samples { rate, samples } = message.decode().unwrap();
/// assert_eq!((rate, samples.len(), samples.get(1)), (8, 2, Some(-1)));
/// assert_eq!(samples.iter().sum::<i16>(), 0);
/// ```
pub struct Packed<'a, T> {
    bytes: &'a [u8],
    _elements: PhantomData<fn() -> T>,
}

impl<'a, T: Fixed<'a>> Packed<'a, T> {
    /// Number of elements.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len() / T::SIZE
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The element at an index, from 0.
    #[must_use]
    #[inline]
    pub fn get(&self, index: usize) -> Option<T> {
        self.bytes.chunks_exact(T::SIZE).nth(index).and_then(T::from_bytes)
    }

    /// All elements.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = T> + use<'a, T> {
        // None is left out: what means nothing was refused when the message was decoded.
        self.bytes.chunks_exact(T::SIZE).filter_map(T::from_bytes)
    }

    /// The elements as they lie in the message.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

impl<T> Clone for Packed<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Packed<'_, T> {}

impl<T> PartialEq for Packed<'_, T> {
    /// Compares the bytes.
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl<T> Eq for Packed<'_, T> {}

impl<'a, T: Fixed<'a> + fmt::Debug> fmt::Debug for Packed<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a, T: Fixed<'a>> Rest<'a> for Packed<'a, T> {}

impl<'a, T: Fixed<'a>> Field<'a> for Packed<'a, T> {
    const UNIT: usize = T::SIZE;
    const BOUNDS: (usize, usize) = (0, usize::MAX);

    #[inline]
    fn from_input(input: Input<'a>) -> Option<Self> {
        let bytes = input.bytes();
        let mut elements = bytes.chunks_exact(element_size::<T>());
        let is_sound = elements.all(|element| T::from_bytes(element).is_some());
        is_sound.then_some(Self { bytes, _elements: PhantomData })
    }

    #[inline]
    fn count(&self) -> usize {
        self.len()
    }

    #[inline]
    fn write_all(&self, to: &mut Buffer) {
        to.push(self.bytes);
    }
}

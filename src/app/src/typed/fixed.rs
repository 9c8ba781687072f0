//! Fields that always have the same size.

use crate::Buffer;

/// A type of a field that always has the same size.
///
/// Numbers, `bool`, arrays and the structs of [`messages!`](crate::messages!) are. So can be a type of
/// your own, which then can say which values make sense:
///
/// ```
/// use ringsocket_app::{Buffer, Message, messages, typed::Fixed};
///
/// #[derive(Debug, PartialEq)]
/// enum Turn { Left, Right }
///
/// impl Fixed<'_> for Turn {
///     const SIZE: usize = 1;
///
///     fn from_bytes(bytes: &[u8]) -> Option<Self> {
///         match bytes {
///             b"l" => Some(Self::Left),
///             b"r" => Some(Self::Right),
///             _ => None,
///         }
///     }
///
///     fn write(&self, to: &mut Buffer) {
///         to.push(match self { Self::Left => b"l", Self::Right => b"r" });
///     }
/// }
///
/// messages! {
///     text struct Steps { turns: Vec<Turn> where 1..=9 }
/// }
///
/// let steps: Steps = Message::Text("lr").decode().unwrap();
/// assert_eq!(steps.turns, [Turn::Left, Turn::Right]);
/// assert_eq!(Message::Text("lx").decode::<Steps>().err().unwrap().code(), 1007);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no fixed size in a message",
    label = "numbers, `bool`, arrays and structs of `messages!` have one",
    note = "only the last field of a message may be of variable size"
)]
pub trait Fixed<'a>: Sized {
    /// Size in a message, in bytes.
    const SIZE: usize;

    /// The value of these bytes, [`SIZE`](Self::SIZE) of them. `None` if they mean nothing.
    fn from_bytes(bytes: &'a [u8]) -> Option<Self>;

    /// Appends the [`SIZE`](Self::SIZE) bytes of this value.
    fn write(&self, to: &mut Buffer);
}

macro_rules! numbers {
    ($($number:ty)+) => {
        $(impl Fixed<'_> for $number {
            const SIZE: usize = size_of::<Self>();

            #[inline]
            fn from_bytes(bytes: &[u8]) -> Option<Self> {
                Some(Self::from_be_bytes(bytes.try_into().ok()?))
            }

            #[inline]
            fn write(&self, to: &mut Buffer) {
                to.push(&self.to_be_bytes());
            }
        })+
    };
}

numbers!(u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 f64);

impl Fixed<'_> for bool {
    const SIZE: usize = 1;

    #[inline]
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }

    #[inline]
    fn write(&self, to: &mut Buffer) {
        to.push(&[u8::from(*self)]);
    }
}

impl<'a, T: Fixed<'a>, const N: usize> Fixed<'a> for [T; N] {
    const SIZE: usize = N * T::SIZE;

    #[inline]
    fn from_bytes(bytes: &'a [u8]) -> Option<Self> {
        let element = |i: usize| T::from_bytes(bytes.get(i * T::SIZE..(i + 1) * T::SIZE)?);
        // Of numbers the compiler knows that they are all sound.
        if !(0..N).all(|i| element(i).is_some()) {
            return None;
        }
        Some(std::array::from_fn(|i| element(i).expect("it was sound a moment ago")))
    }

    #[inline]
    fn write(&self, to: &mut Buffer) {
        for element in self {
            element.write(to);
        }
    }
}

impl<'a, const N: usize> Fixed<'a> for &'a [u8; N] {
    const SIZE: usize = N;

    #[inline]
    fn from_bytes(bytes: &'a [u8]) -> Option<Self> {
        bytes.try_into().ok()
    }

    #[inline]
    fn write(&self, to: &mut Buffer) {
        to.push(*self);
    }
}

//! `messages!`, which makes types of messages from their declaration, and what it expands to.

/// Declares typed messages: `enum`s whose case is told by the first byte, `struct`s that are a
/// message by themselves, and `struct`s that are parts of messages.
///
/// ```
/// use ringsocket_app::messages;
///
/// messages! {
///     /// What players send.
///     #[derive(Debug, PartialEq)]
///     pub enum Request<'a> {
///         /// Moves the sender.
///         binary Move { x: i16, y: i16 } = 1,
///         /// Draws a line through up to 100 points.
///         binary Draw { colour: [u8; 3], points: Vec<Point> where 2..=100 } = 2,
///         text Say { line: &'a str where 1..=500 } = b's',
///         either Leave = 0xff,
///     }
///
///     /// A number and up to ten more.
///     pub binary struct Sum { first: i32, more: Vec<u16> where 1..=10 }
///
///     /// A part of a message.
///     #[derive(Debug, PartialEq)]
///     pub struct Point { x: i16, y: i16 }
/// }
///
/// use ringsocket_app::Message;
///
/// assert_eq!(Message::Binary(&[1, 0, 7, 0xff, 0xff]).decode(), Ok(Request::Move { x: 7, y: -1 }));
/// assert_eq!(Message::Text("shi").decode(), Ok(Request::Say { line: "hi" }));
/// let error = Message::Binary(b"shi").decode::<Request>().unwrap_err();
/// assert_eq!(error.to_string(), "Say must be text, not binary");
/// ```
///
/// Each message is `binary`, `text` or `either`; one of `either` is sent as binary. In an enum, a byte
/// (a literal) tells each case, as a discriminant does in Rust. [`typed`](crate::typed) lists what
/// a field may be. After the type of a last field that takes the rest of the message,
/// `where MIN..=MAX` says how many elements that may be, both included; without it, any number.
///
/// Fields are as visible as their struct.
///
/// The types implement [`Decode`](crate::typed::Decode), so that
/// [`cx.decode(client, message)`](crate::Context::decode) checks and decodes a message, and
/// [`Payload`](crate::Payload), so that
/// [`cx.to(client).send(message)`](crate::Recipients::send) sends one. Derive what else you want.
/// What is borrowed is not copied, and only a `Vec` or a `String` allocates.
///
/// # What does not compile
///
/// Two cases with the same byte:
///
/// ```compile_fail,E0081
/// ringsocket_app::messages! {
///     enum Request { binary Move { x: i16 } = 1, binary Turn = 1 }
/// }
/// ```
///
/// A byte that is none:
///
/// ```compile_fail
/// ringsocket_app::messages! {
///     enum Request { binary Move { x: i16 } = 256 }
/// }
/// ```
///
/// A field after one that takes the rest of the message:
///
/// ```compile_fail,E0277
/// ringsocket_app::messages! {
///     text struct Say<'a> { line: &'a str, volume: u8 }
/// }
/// ```
///
/// Bounds of a field that has but one size, or in the wrong place, or without anything in between:
///
/// ```compile_fail,E0277
/// ringsocket_app::messages! {
///     binary struct Move { x: i16 where 1..=3 }
/// }
/// ```
///
/// ```compile_fail
/// ringsocket_app::messages! {
///     text struct Say<'a> { line: &'a str where 1..=3, volume: u8 }
/// }
/// ```
///
/// ```compile_fail,E0080
/// ringsocket_app::messages! {
///     text struct Say<'a> { line: &'a str where 3..=1 }
/// }
/// # let _ = ringsocket_app::Message::Text("").decode::<Say>();
/// ```
///
/// A type that is no field, such as `char`, or a kind that is none:
///
/// ```compile_fail,E0277
/// ringsocket_app::messages! {
///     binary struct Letter { letter: char }
/// }
/// ```
///
/// ```compile_fail
/// ringsocket_app::messages! {
///     utf8 struct Say<'a> { line: &'a str }
/// }
/// ```
#[macro_export]
macro_rules! messages {
    () => {};
    (
        $(#[$meta:meta])* $vis:vis enum $name:ident $(<$lifetime:lifetime>)? {
            $(
                $(#[$case_meta:meta])* $kind:ident $case:ident $({
                    $($(#[$field_meta:meta])* $field:ident: $type:ty $(where $bounds:expr)?),*
                    $(,)?
                })? = $byte:literal
            ),+ $(,)?
        }
        $($more:tt)*
    ) => {
        $(#[$meta])*
        #[repr(u8)]
        $vis enum $name $(<$lifetime>)? {
            $($(#[$case_meta])* $case $({ $($(#[$field_meta])* $field: $type),* })? = $byte),+
        }
        $crate::__messages! { @decode [$($lifetime)?] $name, message, {
            let shape = const { &$crate::__private::Shape::switch(::core::stringify!($name)) };
            let mut input = $crate::__private::Input::new(message);
            match input.case(shape)? {
                $($byte => $crate::__messages!(
                    @read (input, $kind, ::core::stringify!($case), 1, [Self::$case]) []
                    $($($field: $type $(where $bounds)?),*)?
                ),)+
                #[allow(unreachable_patterns)]
                byte => ::core::result::Result::Err($crate::typed::Mismatch::case(shape, byte)),
            }
        } }
        $crate::__messages! { @payload [$($lifetime)?] $name, this, buffer, {
            match this {
                $(Self::$case { $($($field),*)? } => {
                    buffer.push(&[$byte]);
                    $crate::__messages!(@write buffer $($($field: $type $(where $bounds)?),*)?);
                    $crate::__messages!(@is_text $kind)
                })+
            }
        } }
        $crate::messages! { $($more)* }
    };
    (
        $(#[$meta:meta])* $vis:vis $kind:ident struct $name:ident $(<$lifetime:lifetime>)? {
            $($(#[$field_meta:meta])* $field:ident: $type:ty $(where $bounds:expr)?),* $(,)?
        }
        $($more:tt)*
    ) => {
        $(#[$meta])*
        $vis struct $name $(<$lifetime>)? { $($(#[$field_meta])* $vis $field: $type),* }
        $crate::__messages! { @decode [$($lifetime)?] $name, message, {
            #[allow(unused_mut)]
            let mut input = $crate::__private::Input::new(message);
            $crate::__messages!(
                @read (input, $kind, ::core::stringify!($name), 0, [Self]) []
                $($field: $type $(where $bounds)?),*
            )
        } }
        $crate::__messages! { @payload [$($lifetime)?] $name, this, buffer, {
            let Self { $($field),* } = this;
            $crate::__messages!(@write buffer $($field: $type $(where $bounds)?),*);
            $crate::__messages!(@is_text $kind)
        } }
        $crate::messages! { $($more)* }
    };
    (
        $(#[$meta:meta])* $vis:vis struct $name:ident $(<$lifetime:lifetime>)? {
            $($(#[$field_meta:meta])* $field:ident: $type:ty),* $(,)?
        }
        $($more:tt)*
    ) => {
        $(#[$meta])*
        $vis struct $name $(<$lifetime>)? { $($(#[$field_meta])* $vis $field: $type),* }
        $crate::__messages! { @part [$($lifetime)?] $name, $($field: $type),* }
        $crate::messages! { $($more)* }
    };
}

/// The inner rules of [`messages!`].
#[doc(hidden)]
#[macro_export]
macro_rules! __messages {
    // Implementations, for types with and without a lifetime.
    (@decode [] $name:ident, $message:ident, $body:block) => {
        $crate::__messages! { @decode_as ['m] $name, $message, $body }
    };
    (@decode [$lifetime:lifetime] $name:ident, $message:ident, $body:block) => {
        $crate::__messages! { @decode_as [$lifetime] $name<$lifetime>, $message, $body }
    };
    (@decode_as [$lifetime:lifetime] $name:ty, $message:ident, $body:block) => {
        #[automatically_derived]
        impl<$lifetime> $crate::typed::Decode<$lifetime> for $name {
            #[inline]
            fn decode(
                $message: $crate::Message<$lifetime>,
            ) -> ::core::result::Result<Self, $crate::typed::Mismatch> $body
        }
    };
    (
        @payload [$($lifetime:lifetime)?] $name:ident, $this:ident, $buffer:ident, $body:block
    ) => {
        #[automatically_derived]
        impl $(<$lifetime>)? $crate::Payload for $name $(<$lifetime>)? {
            fn with<R>(
                &self,
                send: impl ::core::ops::FnOnce($crate::Message<'_>) -> R,
            ) -> ::core::result::Result<R, $crate::Error> {
                let $this = self;
                let mut $buffer = $crate::Buffer::new();
                let is_text = $body;
                $buffer.send(is_text, send)
            }
        }
    };
    (@part [] $name:ident, $($fields:tt)*) => {
        $crate::__messages! { @part_as ['m] $name, $($fields)* }
    };
    (@part [$lifetime:lifetime] $name:ident, $($fields:tt)*) => {
        $crate::__messages! { @part_as [$lifetime] $name<$lifetime>, $($fields)* }
    };
    (@part_as [$lifetime:lifetime] $name:ty, $($field:ident: $type:ty),*) => {
        #[automatically_derived]
        impl<$lifetime> $crate::typed::Fixed<$lifetime> for $name {
            const SIZE: usize = 0 $(+ <$type as $crate::typed::Fixed<$lifetime>>::SIZE)*;

            #[inline]
            fn from_bytes(bytes: &$lifetime [u8]) -> ::core::option::Option<Self> {
                let mut input = $crate::__private::Input::new($crate::Message::Binary(bytes));
                ::core::option::Option::Some(Self { $($field: input.take::<$type>()?),* })
            }

            #[inline]
            fn write(&self, to: &mut $crate::Buffer) {
                $($crate::typed::Fixed::write(&self.$field, to);)*
            }
        }
    };

    // Decodes fields: collects all but the last within brackets, then checks and takes them.
    (@read $of:tt []) => { $crate::__messages!(@read_none $of) };
    (@read $of:tt $first:tt $last:ident: $type:ty) => {
        $crate::__messages!(
            @read_all $of $first $last: $type, <$type as $crate::typed::Field<'_>>::BOUNDS
        )
    };
    (@read $of:tt $first:tt $last:ident: $type:ty where $bounds:expr) => {
        $crate::__messages!(
            @read_all $of $first $last: $type, $crate::__private::bounds::<$type>($bounds)
        )
    };
    (@read $of:tt [$($first:tt)*] $field:ident: $type:ty, $($more:tt)+) => {
        $crate::__messages!(@read $of [$($first)* $field: $type,] $($more)+)
    };
    (@read $of:tt $first:tt $field:ident: $type:ty where $bounds:expr, $($more:tt)+) => {
        ::core::compile_error!("only the last field of a message may have bounds")
    };
    (@read_none ($input:ident, $kind:ident, $name:expr, $before:literal, [$($path:tt)+])) => {{
        $input.check(const {
            &$crate::__private::Shape::new($name, $crate::__messages!(@kind $kind), $before)
        })?;
        ::core::result::Result::Ok($($path)+ {})
    }};
    (
        @read_all ($input:ident, $kind:ident, $name:expr, $before:literal, [$($path:tt)+])
        [$($field:ident: $type:ty,)*] $last:ident: $last_type:ty, $bounds:expr
    ) => {{
        let shape = const {
            &$crate::__private::Shape::new($name, $crate::__messages!(@kind $kind), $before)
                $(.and(<$type as $crate::typed::Fixed<'_>>::SIZE))*
                .and_last(<$last_type as $crate::typed::Field<'_>>::UNIT, $bounds)
        };
        $input.check(shape)?;
        ::core::result::Result::Ok($($path)+ {
            $($field: $input.take::<$type>().ok_or($crate::typed::Mismatch::value(shape))?,)*
            $last: $input.last::<$last_type>().ok_or($crate::typed::Mismatch::value(shape))?,
        })
    }};

    // Writes fields, one by one.
    (@write $buffer:ident) => {};
    (@write $buffer:ident $last:ident: $type:ty) => {
        $buffer.push_last::<$type>($last, <$type as $crate::typed::Field<'_>>::BOUNDS)?;
    };
    (@write $buffer:ident $last:ident: $type:ty where $bounds:expr) => {
        $buffer.push_last::<$type>($last, const { $crate::__private::bounds::<$type>($bounds) })?;
    };
    (@write $buffer:ident $field:ident: $type:ty, $($more:tt)+) => {
        $crate::typed::Fixed::write($field, &mut $buffer);
        $crate::__messages!(@write $buffer $($more)+);
    };
    // Told by @read.
    (@write $buffer:ident $field:ident: $type:ty where $bounds:expr, $($more:tt)+) => {};

    (@kind binary) => { $crate::__private::Kind::Binary };
    (@kind text) => { $crate::__private::Kind::Text };
    (@kind either) => { $crate::__private::Kind::Either };
    (@kind $other:ident) => {
        ::core::compile_error!(::core::concat!(
            "a message is binary, text or either, not ", ::core::stringify!($other)
        ))
    };
    (@is_text text) => { true };
    (@is_text $other:ident) => { false };
}

//! The fuzz target `deflate`; what it does is in the library.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringsocket_fuzz::deflate::check(data));

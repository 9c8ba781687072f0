//! The fuzz target `proxy`; what it does is in the library.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringsocket_fuzz::proxy::check(data));

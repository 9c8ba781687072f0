//! The fuzz target `handover`; what it does is in the library.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringsocket_fuzz::handover::check(data));

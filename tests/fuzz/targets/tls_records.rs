//! The fuzz target `tls_records`; what it does is in the library.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringsocket_fuzz::tls_records::check(data));

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| imajin_fuzzing::run("imagxp_visa", data));

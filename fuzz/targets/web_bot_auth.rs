#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| imajin_fuzzing::run("web_bot_auth", data));

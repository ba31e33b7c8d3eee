#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| trigpoint_fuzz::control_messages::check(input));

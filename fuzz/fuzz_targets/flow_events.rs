#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| trigpoint_fuzz::flow_events::check(input));

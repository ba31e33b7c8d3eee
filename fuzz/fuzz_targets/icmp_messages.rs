#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| trigpoint_fuzz::icmp_messages::check(input));

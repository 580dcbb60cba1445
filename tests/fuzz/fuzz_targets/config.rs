#![no_main]

use libfuzzer_sys::fuzz_target;
use msgq_core::config::Config;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    if let Err(error) = Config::parse("fuzz.toml", &text) {
        assert!(!error.to_string().contains('\u{1b}'));
    }
});

//! A stranger who sends signed requests by the thousand, none of them signed rightly.

use imajin_did::SecretKey;
use imajin_testkit::{Backend, on_both};

use crate::world::{World, assert_refused};

/// Resident memory in KiB; none where the system does not tell.
fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Through the whole of the shell: limits, signature, look-up of the key. The number is for every day; the bare
/// verification is flooded in the tests of `imajin-store`, and both scale with the variable.
async fn bad_signatures_leave_no_nonces_and_take_no_memory(backend: Backend) {
    let requests: u32 = std::env::var("IMAJIN_FLOOD_REQUESTS").map_or(1_000, |text| text.parse().unwrap());
    let world = World::new(backend).await;
    let key = world.registered("ada").await;
    let path = "/auth/api/sessions/ses_none";
    let good = world.signed(&key, "DELETE", path, "");
    let rows = world.row_count("nonces").await;
    let (mut before, stranger) = (None, SecretKey::generate(&world.env));
    for index in 0..requests {
        let mut bad = good.clone();
        // Another nonce and every other time another signer: neither fits the signature.
        bad.signature_input = bad.signature_input.replace("nonce=\"", &format!("nonce=\"{index}-"));
        if index % 2 == 1 {
            bad.signature_input = bad.signature_input.replace(key.did().as_str(), stranger.did().as_str());
        }
        assert_refused(&world.send_signed(&bad, path, "").await, 401, "bad_signature");
        if index == requests / 10 {
            before = resident_kib();
        }
    }
    assert_eq!(world.row_count("nonces").await, rows);
    if let (Some(before), Some(after)) = (before, resident_kib()) {
        assert!(after < before + 16 * 1024, "{before} KiB grew to {after} KiB");
    }
}

on_both! {
    bad_signatures_leave_no_nonces_and_take_no_memory,
}

//! Properties of claims.

use std::sync::LazyLock;

use imajin_imagxp::{AgentKey, Claim, ClaimHeaders, Names, Purpose};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

use crate::{EXPECT, NOW, URL, agent, key, manifest};

static KEY: LazyLock<AgentKey> = LazyLock::new(key);

fn config() -> Config {
    Config {
        cases: 200,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0x1a_5eed),
        ..Config::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_signed_is_read_back_and_no_bit_of_it_can_be_changed(
        nonce in "[!-~]{1,60}",
        ads: bool,
        purpose in prop::sample::select(vec![Purpose::CrawlTraining, Purpose::Summary, Purpose::Embedding]),
        header in prop::sample::select(vec!["x-imagxp-payload", "x-imagxp-signature", "x-imagxp-public-key"]),
        at in 0_usize..2_000,
        bit in 0_u8..7,
    ) {
        let claim = Claim::new(&agent(), NOW, &nonce, URL, purpose, ads).unwrap();
        let headers = ClaimHeaders::sign(&KEY, &claim).unwrap();
        let read = ClaimHeaders::read(&headers, Names::Public).unwrap();
        prop_assert_eq!(&read.claim, &claim);
        let manifest = manifest(&[&KEY]);
        let verified = read.verify(&manifest, &EXPECT).unwrap();

        let mut bytes = headers[header].as_bytes().to_vec();
        let place = at % bytes.len();
        bytes[place] ^= 1 << bit;
        let mut changed = headers.clone();
        let Ok(value) = http::HeaderValue::from_bytes(&bytes) else { return Ok(()) };
        changed.insert(header, value);
        // Hex in the other case is the same signature, and a space at an end is none.
        if let Ok(other) = ClaimHeaders::read(&changed, Names::Public)
            && let Ok(other) = other.verify(&manifest, &EXPECT)
        {
            prop_assert_eq!(other, verified, "another claim than the one that was signed");
        }
    }

    #[test]
    fn headers_of_any_kind_do_no_harm(payload in "[A-Za-z0-9+/=]{0,80}", signature in "[0-9a-fA-F+/=]{0,140}") {
        let mut headers = http::HeaderMap::new();
        headers.insert("x-imagxp-payload", payload.parse().unwrap());
        headers.insert("x-imagxp-signature", signature.parse().unwrap());
        prop_assert!(ClaimHeaders::read(&headers, Names::Public).is_err());
    }
}

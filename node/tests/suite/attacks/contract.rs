//! The attacks of the protocol's contract, in its order: none of them can be forgotten.

use std::collections::BTreeSet;

use super::{bearers, claims, disputes, documents, flood, visas};
use crate::heavy_domains;

/// Each attack, with the tests that try it.
const ATTACKS: &[(&str, &[&str])] = &[
    ("another site's visa", &["a_visa_for_another_site_pays_nothing"]),
    ("a visa used past its amount", &["a_visa_past_its_amount_pays_nothing"]),
    ("or count", &["a_visa_past_its_count_pays_nothing"]),
    (
        "a signature for /cheap on /dear",
        &["a_signature_for_the_cheap_page_opens_no_dear_one"],
    ),
    (
        "the same claim twice",
        &[
            "the_same_claim_counts_once",
            "a_claim_without_a_nonce_is_refused_unless_it_is_allowed",
        ],
    ),
    (
        "also across a restart",
        &[
            "the_same_claim_counts_once_across_a_restart",
            "a_claim_without_a_nonce_counts_once_also_across_a_restart",
        ],
    ),
    (
        "and across two processes on one database",
        &["the_same_claim_at_one_moment_counts_once"],
    ),
    (
        "a nonce flood with bad signatures",
        &["a_flood_of_nonces_with_bad_signatures_fills_nothing"],
    ),
    ("cf-ray on a paid page", &["cf_ray_opens_no_paid_page"]),
    (
        "an agent_id that is an IP",
        &["an_agent_id_that_is_an_address_asks_nobody"],
    ),
    ("localhost", &["an_agent_id_that_is_localhost_asks_nobody"]),
    ("a private name", &["an_agent_id_that_is_a_private_name_asks_nobody"]),
    ("a redirect", &["a_manifest_that_redirects_leads_nowhere"]),
    ("a slow body", &["a_slow_manifest_is_given_up"]),
    ("or endless body", &["an_endless_manifest_is_given_up"]),
    (
        "a key swapped in the header",
        &["a_key_swapped_in_the_header_is_refused"],
    ),
    ("alg none", &["a_visa_with_alg_none_pays_nothing"]),
    (
        "HS256 with the public key",
        &["a_visa_with_hs256_and_the_public_key_pays_nothing"],
    ),
    (
        "a foreign kid",
        &[
            "a_visa_under_a_foreign_kid_pays_nothing",
            "a_visa_under_an_unknown_kid_pays_nothing",
        ],
    ),
    (
        "an unpaid retry after a lost reply",
        &["an_unpaid_retry_after_a_lost_reply_is_charged_once"],
    ),
    ("disputing everything", &["disputing_everything_reads_nothing_for_free"]),
    (
        "10,000 different agent domains at once",
        &["ten_thousand_domains_at_once_are_asked_a_few_at_a_time_in_bounded_memory"],
    ),
];

#[test]
fn every_attack_of_the_contract_is_a_test_in_each_setting() {
    let stamped = [
        visas::STAMPED,
        bearers::STAMPED,
        claims::STAMPED,
        documents::STAMPED,
        flood::STAMPED,
        disputes::STAMPED,
        heavy_domains::STAMPED,
    ];
    let stamped: BTreeSet<&str> = stamped.into_iter().flatten().copied().collect();
    let mut named = BTreeSet::new();
    for (attack, tests) in ATTACKS {
        assert!(!tests.is_empty(), "{attack}");
        for test in *tests {
            assert!(stamped.contains(test), "{attack}: there is no test {test}");
            assert!(named.insert(test), "{attack}: {test} stands for another attack as well");
        }
    }
}

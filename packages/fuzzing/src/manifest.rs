//! Manifests: ours, the seeds' minimal form, those of other software, and records with what others signed about them.

use std::sync::OnceLock;

use imajin_did::{Did, SecretKey};
use imajin_fair::plan::{FeeSchedule, PlanInput, plan};
use imajin_fair::{Acceptance, Endorsement, Manifest, ManifestId, ManifestRecord, import};
use imajin_money::Share;
use serde_json::json;

const MINIMAL: &[u8] = include_bytes!("../../fair/tests/vectors/manifest.json");
/// Shapes of other software.
const FOREIGN: [&str; 3] = [
    r#"{"version":"1.0","did":"did:imajin:0123456789abcdef","created":"2026-01-01T00:00:00Z",
        "contributors":[{"did":"did:imajin:0123456789abcdef","role":"author","share":1}],"derivedFrom":["fair_a"],
        "terms":{"read":{"price":0.05,"currency":"USD"},"train":"prohibited"},"signature":"00"}"#,
    r#"{"fair":"1.0","id":"asset-1","type":"image","owner":"did:imajin:0123456789abcdef",
        "created":"2026-01-01T00:00:00Z","attribution":[
            {"did":"did:imajin:0123456789abcdef","role":"artist","share":0.7},
            {"did":"did:imajin:fedcba9876543210","role":"artist","share":0.300001}],
        "fees":[{"role":"node","name":"fee","rateBps":50,"fixedCents":0}],"integrity":{"hash":"sha256:00","size":1}}"#,
    r#"{"fair":"1.1","version":"1.1","id":"asset-2","type":"audio","owner":"did:imajin:0123456789abcdef",
        "created":"2026-01-01T00:00:00Z","training":{"allowed":false},
        "attribution":[{"did":"did:imajin:0123456789abcdef","role":"artist","share":1.0}],
        "signature":{"signer":"did:imajin:0123456789abcdef","alg":"ed25519","value":"AA",
            "signedAt":"2026-01-01T00:00:00Z"}}"#,
];

/// What somebody really signed: the record, and the canonical bytes of its manifest.
struct Known {
    record: ManifestRecord,
    canonical: Vec<u8>,
}

/// Signed once: signing takes longer than everything that a target does with an input.
fn known() -> &'static [Known] {
    static KNOWN: OnceLock<Vec<Known>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let native = signed();
        let minimal: Option<serde_json::Value> = serde_json::from_slice(MINIMAL).ok();
        let minimal = minimal.and_then(|vector| vector.get("manifest").cloned());
        let minimal = minimal.and_then(|manifest| Manifest::from_value(manifest).ok());
        let records = [native, minimal.map(ManifestRecord::new)].into_iter().flatten();
        let known = records.filter_map(|record| {
            let canonical = record.manifest.canonical_bytes().ok()?;
            Some(Known { record, canonical })
        });
        known.collect()
    })
}

fn signed() -> Option<ManifestRecord> {
    let (author, other) = (SecretKey::from_seed([1; 32]), SecretKey::from_seed([2; 32]));
    let source = ManifestId::from_digest(&[7; 32]);
    let draft = json!({
        "title": "Strings, and a \u{1f600}", "author": author.did(), "type": "audio", "created": "2026-01-01T00:00:00Z",
        "contributors": [
            {"did": author.did(), "role": "artist", "share": 0.6, "name": "A"},
            {"did": other.did(), "role": "writer", "share": 0.3},
            {"fair": source, "role": "source", "share": 0.1},
        ],
        "derives_from": [source], "supersedes": "fair_example01", "canonical": "https://node.example/strings",
        "terms": {
            "read": {"price": "0.08", "currency": "USD", "consent": "implicit"}, "train": {"price": "prohibited"},
            "redistribute": {"price": "free", "conditions": ["attribution-required"]},
            "remix": {"price": "free", "royalty": 0.1},
        },
        "content": {"sha256": "00".repeat(32), "size": 12, "media_type": "audio/flac"},
        "more": [1.5, null, {"kept": -0.0}],
    });
    let manifest = Manifest::from_value(draft).ok()?;
    let manifest = manifest.sign(&author, author.did(), crate::NOW).ok()?;
    let node = SecretKey::from_seed([3; 32]);
    let acceptance = Acceptance::sign(&other, other.did(), manifest.id.clone(), crate::NOW).ok()?;
    let endorsement = Endorsement::sign(&node, node.did(), &manifest, crate::NOW).ok()?;
    Some(ManifestRecord {
        manifest,
        endorsements: vec![endorsement],
        acceptances: vec![acceptance],
    })
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let manifests = known().iter().map(|known| known.canonical.clone());
    let records = known()
        .iter()
        .filter_map(|known| serde_json::to_vec(&known.record).ok());
    let foreign = FOREIGN.map(|text| text.as_bytes().to_vec());
    manifests.chain(records).chain(foreign).collect()
}

pub(crate) fn run(data: &[u8]) {
    let options = import::ImportOptions {
        normalise: true,
        ..import::ImportOptions::default()
    };
    if let Ok(imported) = import::import(data, &options) {
        assert_eq!(imported.original.bytes, data, "the original is kept as it was");
        assert!(
            imported.manifest.signature.is_none(),
            "a converted manifest is not signed"
        );
        sound(&imported.manifest);
        let verified = imported.original.verify(&|_did: &Did| None);
        assert!(verified.is_err(), "nobody signed a manifest of other software");
    }
    if let Ok(manifest) = Manifest::parse(data) {
        sound(&manifest);
        let key = manifest.signer().and_then(Did::public_key);
        if key.is_some_and(|key| manifest.verify_signature(&key).is_ok()) {
            let canonical = manifest.canonical_bytes().unwrap_or_default();
            let is_known = known().iter().any(|known| known.canonical == canonical);
            assert!(is_known, "nobody signed this manifest");
        }
    }
    if let Ok(record) = serde_json::from_slice::<ManifestRecord>(data)
        && let Ok(standing) = record.verify(&|_did: &Did, _at| None)
    {
        let is_known = |signed: &Known| {
            let record = &signed.record;
            let all = record.verify(&|_did: &Did, _at| None);
            all.is_ok_and(|all| {
                all.signer == standing.signer
                    && all.accepted_by.is_superset(&standing.accepted_by)
                    && all.endorsed_by.is_superset(&standing.endorsed_by)
            })
        };
        assert!(known().iter().any(is_known), "nobody signed this record");
    }
}

/// What holds for every manifest that was read.
fn sound(manifest: &Manifest) {
    assert!(manifest.check().is_ok(), "what was read is valid");
    let Ok(canonical) = manifest.canonical_bytes() else {
        unreachable!("a valid manifest has a canonical form");
    };
    let again = Manifest::parse(&canonical).ok();
    // Canonical JSON is never longer than what was read, but a draft gets the members that it lacks.
    if let Some(again) = again {
        assert_eq!(again.canonical_bytes().ok().as_ref(), Some(&canonical));
        assert_eq!(again.computed_id(), manifest.computed_id());
    }
    let shares = manifest
        .contributors
        .iter()
        .map(|entry| u64::from(entry.share.millionths()));
    assert_eq!(shares.sum::<u64>(), u64::from(Share::ONE.millionths()));
    // Every source is said to be the work itself, or to be unknown: the circle is found.
    let itself = |_id: &ManifestId| Some(manifest.clone());
    let nothing = |_id: &ManifestId| None;
    let _perhaps = manifest.check_lineage(&itself).is_ok();
    assert!(manifest.sources_missing(&nothing).len() <= imajin_fair::SOURCES_MAX);
    let Ok(gross) = "10.000001 USD".parse() else { return };
    let input = PlanInput {
        gross,
        fees: &FeeSchedule::mjn(),
        seller: SecretKey::from_seed([1; 32]).did(),
        manifest,
        manifests: &nothing,
        accepted: &|_id, _did| false,
    };
    if let Ok(plan) = plan(&input) {
        assert!(plan.check().is_ok(), "fees and legs sum to the price");
    }
}

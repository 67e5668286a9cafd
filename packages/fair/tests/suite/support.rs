//! People and manifests for tests.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use imajin_did::{Did, SecretKey};
use imajin_fair::plan::{FeeSchedule, Plan, PlanError, PlanInput, plan};
use imajin_fair::{Manifest, ManifestId};
use proptest::test_runner::{Config, RngSeed};
use serde_json::{Value, json};

static PEOPLE: LazyLock<Vec<Did>> = LazyLock::new(|| (0..50).map(|index| key(index).did()).collect());

/// `IMAJIN_PROPTEST_CASES` raises the number of cases; the seed is fixed, so a run can be repeated.
pub(crate) fn config(cases_default: u32) -> Config {
    let cases = std::env::var("IMAJIN_PROPTEST_CASES").ok();
    Config {
        cases: cases.and_then(|text| text.parse().ok()).unwrap_or(cases_default),
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0x1a_5eed),
        ..Config::default()
    }
}

/// The key of the person of this number.
pub(crate) fn key(index: u8) -> SecretKey {
    SecretKey::from_seed([index; 32])
}

/// The DID of the person of this number, below 50.
pub(crate) fn person(index: usize) -> Did {
    PEOPLE[index].clone()
}

/// An entry for a person.
pub(crate) fn pays(index: usize, role: &str, share: f64) -> Value {
    json!({"did": person(index), "role": role, "share": share})
}

/// An entry for another manifest.
pub(crate) fn follows(id: &str, share: f64) -> Value {
    json!({"fair": id, "role": "source", "share": share})
}

/// An unsigned manifest with a given id.
pub(crate) fn manifest(id: &str, contributors: &[Value]) -> Manifest {
    Manifest::from_value(json!({"id": id, "contributors": contributors})).unwrap()
}

/// Manifests that a plan or a lineage finds by id.
#[derive(Default)]
pub(crate) struct Library(BTreeMap<ManifestId, Manifest>);

impl Library {
    pub(crate) fn of(manifests: impl IntoIterator<Item = Manifest>) -> Self {
        Self(manifests.into_iter().map(|found| (found.id.clone(), found)).collect())
    }

    pub(crate) fn find(&self, id: &ManifestId) -> Option<Manifest> {
        self.0.get(id).cloned()
    }

    /// The plan of a price in dollars, where everybody has accepted.
    pub(crate) fn plan(&self, gross: &str, fees: &FeeSchedule, manifest: &Manifest) -> Result<Plan, PlanError> {
        plan(&PlanInput {
            gross: format!("{gross} TEST-USD").parse().unwrap(),
            fees,
            seller: person(0),
            manifest,
            manifests: &|id| self.find(id),
            accepted: &|_manifest, _did| true,
        })
    }
}

//! How long a plan takes: a ticket with 3 payees, with and without fees, and one whose payees are behind a source.

use divan::{Bencher, black_box};
use imajin_did::SecretKey;
use imajin_fair::plan::{FeeSchedule, PlanInput, plan};
use imajin_fair::{Contributor, Manifest, ManifestError, Payee};
use imajin_money::{Amount, Asset, Money, Share};

fn main() {
    divan::main();
}

/// A manifest with these shares, the last of which may be another manifest's.
fn manifest(shares: &[u32], source: Option<&Manifest>) -> Result<Manifest, ManifestError> {
    let entry = |(index, millionths): (u8, &u32)| {
        let share = Share::from_millionths(*millionths).unwrap_or(Share::ONE);
        let payee = match source {
            Some(source) if usize::from(index) + 1 == shares.len() => Payee::Fair(source.id.clone()),
            _ => Payee::Did(SecretKey::from_seed([index; 32]).did()),
        };
        Contributor::new(payee, "artist", share)
    };
    Manifest::new((0..).zip(shares).map(entry).collect())
}

fn bench(bencher: Bencher<'_, '_>, fees: &FeeSchedule, manifest: &Manifest, source: Option<&Manifest>) {
    let gross = Money::new(Amount::from_micros(9_990_000).unwrap_or_default(), Asset::TEST_USD);
    let seller = SecretKey::from_seed([99; 32]).did();
    bencher.bench(|| {
        plan(black_box(&PlanInput {
            gross,
            fees,
            seller: seller.clone(),
            manifest,
            manifests: &|_id| source.cloned(),
            accepted: &|_manifest, _did| true,
        }))
    });
}

#[divan::bench]
fn three_payees(bencher: Bencher<'_, '_>) {
    if let Ok(manifest) = manifest(&[333_333, 333_333, 333_334], None) {
        bench(bencher, &FeeSchedule::none(), &manifest, None);
    }
}

#[divan::bench]
fn three_payees_with_fees(bencher: Bencher<'_, '_>) {
    if let Ok(manifest) = manifest(&[333_333, 333_333, 333_334], None) {
        bench(bencher, &FeeSchedule::mjn(), &manifest, None);
    }
}

#[divan::bench]
fn three_payees_and_a_source_with_three(bencher: Bencher<'_, '_>) {
    let source = manifest(&[500_000, 300_000, 200_000], None);
    if let Ok(source) = source
        && let Ok(manifest) = manifest(&[300_000, 300_000, 300_000, 100_000], Some(&source))
    {
        bench(bencher, &FeeSchedule::none(), &manifest, Some(&source));
    }
}

#[divan::bench]
fn manifest_verify(bencher: Bencher<'_, '_>) {
    let key = SecretKey::from_seed([0; 32]);
    let now = imajin_kernel::Timestamp::EPOCH;
    let manifest = manifest(&[333_333, 333_333, 333_334], None).map(|draft| draft.sign(&key, key.did(), now));
    if let Ok(Ok(manifest)) = manifest {
        let public = key.public();
        bencher.bench(|| black_box(&manifest).verify_signature(black_box(&public)));
    }
}

//! How long a plan takes: a ticket with 3 payees beside a bare loop that only divides, 1,000 contributors, 16 manifests
//! deep, and the plan that explains itself.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use imajin_did::{Did, SecretKey};
use imajin_fair::plan::{FeeSchedule, PlanInput, explain, plan};
use imajin_fair::{Contributor, Manifest, ManifestError, ManifestId, Payee, Sources};
use imajin_money::{Amount, Asset, Money, Share};

fn main() {
    divan::main();
}

fn person(index: u32) -> Did {
    let mut seed = [7; 32];
    let bytes = index.to_be_bytes();
    for (place, byte) in seed.iter_mut().zip(bytes) {
        *place = byte;
    }
    SecretKey::from_seed(seed).did()
}

/// A manifest with these shares, the last of which may be another manifest's.
fn manifest(shares: &[u32], source: Option<&Manifest>) -> Result<Manifest, ManifestError> {
    let entry = |(index, millionths): (u32, &u32)| {
        let share = Share::from_millionths(*millionths).unwrap_or(Share::ONE);
        let is_last = usize::try_from(index).is_ok_and(|index| index + 1 == shares.len());
        let payee = match source {
            Some(source) if is_last => Payee::Fair(source.id.clone()),
            _ => Payee::Did(person(index)),
        };
        Contributor::new(payee, "artist", share)
    };
    Manifest::new((0..).zip(shares).map(entry).collect())
}

const THIRDS: [u32; 3] = [333_333, 333_333, 333_334];

/// A line of manifests, the deepest first; each gives half of what it gets to the one before.
fn line(depth: usize) -> Result<Vec<Manifest>, ManifestError> {
    let mut line = vec![manifest(&THIRDS, None)?];
    for _level in 1..depth {
        line.push(manifest(&[250_000, 250_000, 500_000], line.last())?);
    }
    Ok(line)
}

fn gross() -> Money {
    Money::new(Amount::from_micros(9_990_000).unwrap_or_default(), Asset::TEST_USD)
}

fn bench(bencher: Bencher<'_, '_>, fees: &FeeSchedule, manifest: &Manifest, others: &[Manifest]) {
    let seller = person(99_999);
    bencher.counter(ItemsCount::new(1_usize)).bench(|| {
        plan(black_box(&PlanInput {
            gross: gross(),
            fees,
            seller: seller.clone(),
            manifest,
            manifests: &|id| others.iter().find(|other| other.id == *id).cloned(),
            accepted: &|_manifest, _did| true,
        }))
    });
}

/// The arithmetic of three payees and nothing else: multiply, divide, hand out what is left over.
#[divan::bench]
fn bare_loop_that_only_divides(bencher: Bencher<'_, '_>) {
    bencher.counter(ItemsCount::new(1_usize)).bench(|| {
        let amount = black_box(9_990_000_i128);
        let mut parts = black_box(THIRDS).map(|share| amount * i128::from(share) / 1_000_000);
        let left = amount - parts.iter().sum::<i128>();
        for (place, part) in (0..).zip(&mut parts) {
            *part += i128::from(place < left);
        }
        parts
    });
}

#[divan::bench]
fn three_payees(bencher: Bencher<'_, '_>) {
    if let Ok(manifest) = manifest(&THIRDS, None) {
        bench(bencher, &FeeSchedule::none(), &manifest, &[]);
    }
}

#[divan::bench]
fn three_payees_with_fees(bencher: Bencher<'_, '_>) {
    if let Ok(manifest) = manifest(&THIRDS, None) {
        bench(bencher, &FeeSchedule::mjn(), &manifest, &[]);
    }
}

#[divan::bench]
fn three_payees_explained(bencher: Bencher<'_, '_>) {
    if let Ok(manifest) = manifest(&THIRDS, None) {
        let seller = person(99_999);
        bencher.counter(ItemsCount::new(1_usize)).bench(|| {
            explain(black_box(&PlanInput {
                gross: gross(),
                fees: &FeeSchedule::mjn(),
                seller: seller.clone(),
                manifest: &manifest,
                manifests: &|_id: &ManifestId| None,
                accepted: &|_manifest, _did| true,
            }))
        });
    }
}

#[divan::bench]
fn a_thousand_payees(bencher: Bencher<'_, '_>) {
    if let Ok(manifest) = manifest(&[1_000; 1_000], None) {
        bench(bencher, &FeeSchedule::mjn(), &manifest, &[]);
    }
}

#[divan::bench]
fn sixteen_deep(bencher: Bencher<'_, '_>) {
    if let Ok(line) = line(16)
        && let Some((work, others)) = line.split_last()
    {
        bench(bencher, &FeeSchedule::mjn(), work, others);
    }
}

#[divan::bench]
fn sixteen_deep_gathered_and_pinned(bencher: Bencher<'_, '_>) {
    if let Ok(line) = line(16)
        && let Some((work, others)) = line.split_last()
    {
        let find = |id: &ManifestId| others.iter().find(|other| other.id == *id).cloned();
        bencher
            .counter(ItemsCount::new(1_usize))
            .bench(|| Sources::gather(black_box(work), &find));
    }
}

#[divan::bench]
fn manifest_verify(bencher: Bencher<'_, '_>) {
    let key = SecretKey::from_seed([0; 32]);
    let now = imajin_kernel::Timestamp::EPOCH;
    let manifest = manifest(&THIRDS, None).map(|draft| draft.sign(&key, key.did(), now));
    if let Ok(Ok(manifest)) = manifest {
        let public = key.public();
        bencher.bench(|| black_box(&manifest).verify_signature(black_box(&public)));
    }
}

//! How long a split takes: 3 payees, as of a ticket, and 50.

use divan::{Bencher, black_box};
use imajin_money::{Amount, Share, Weighted, split};

fn main() {
    divan::main();
}

#[divan::bench(args = [3, 50])]
fn parts(bencher: Bencher<'_, '_>, count: u32) {
    let keys: Vec<String> = (0..count).map(|index| format!("did:mjn:payee-{index}")).collect();
    let weights: Vec<_> = (0..count)
        .zip(&keys)
        .filter_map(|(index, key)| {
            let rest = if index == 0 { 1_000_000 % count } else { 0 };
            let share = Share::from_millionths(1_000_000 / count + rest).ok()?;
            Some(Weighted {
                share,
                key,
                role: "artist",
            })
        })
        .collect();
    let amount = Amount::from_micros(9_990_000).unwrap_or_default();
    bencher.bench(|| split(black_box(amount), black_box(&weights)));
}

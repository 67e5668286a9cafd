//! The tests: many seeds, one seed again, and the faults that must be found.

use imajin_testkit::Backend;

use crate::mistakes::Mistake;
use crate::tally::Tally;
use crate::world::{Outcome, Setting, WriteCut, play};

/// One seed, with its trace.
const SEED: &str = "IMAJIN_SIM_SEED";
/// How many seeds; if not said, a thousand where everything is tested, and otherwise as many as one waits for.
const SEEDS: &str = "IMAJIN_SIM_SEEDS";
/// Where they begin.
const SEED_FIRST: &str = "IMAJIN_SIM_SEED_FIRST";

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Whether this run is the one that tests everything.
fn is_all() -> bool {
    std::env::var("NEXTEST_PROFILE").is_ok_and(|profile| profile == "ci")
}

fn seeds_default() -> u64 {
    if is_all() { 1_000 } else { 80 }
}

/// How many seeds are played in a way that takes longer.
fn seeds_few() -> usize {
    if is_all() { 20 } else { 4 }
}

/// A runtime whose timers never fire: nothing in pay may need them to come to its end.
fn timeless<T>(work: impl FnOnce() -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let _inside = runtime.enter();
    work()
}

fn judge(setting: Setting, outcome: &Outcome) {
    assert!(
        outcome.wrong.is_empty(),
        "{}\nafter\n{}\nSee all of it with {SEED}={} ({setting:?})",
        outcome.wrong.join("\n"),
        outcome.tail,
        setting.seed,
    );
}

/// The tests of many seeds are so many, so that several cores share them.
const PARTS: u64 = 8;

/// Plays every eighth seed, from `part` on.
fn many(part: u64) {
    timeless(|| {
        if let Some(seed) = number(SEED) {
            let setting = Setting {
                aloud: true,
                ..Setting::of(seed)
            };
            if seed % PARTS == part {
                judge(setting, &play(setting));
            }
            return;
        }
        let (first, count) = (
            number(SEED_FIRST).unwrap_or(0),
            number(SEEDS).unwrap_or_else(seeds_default),
        );
        let begun = std::time::Instant::now();
        let mut tally = Tally::default();
        for seed in (first..first + count).filter(|seed| seed % PARTS == part) {
            let setting = Setting::of(seed);
            let outcome = play(setting);
            judge(setting, &outcome);
            tally.add(&outcome.tally);
        }
        println!(
            "{PARTS}th of {count} seeds from {first}: {:.1?}, {tally:?}",
            begun.elapsed()
        );
        // Otherwise the histories do not show what they are to show.
        for (what, times) in tally.each() {
            assert!(count < 1_000 || times > 0, "{what}: not once");
        }
    });
}

macro_rules! histories_end_well {
    ($($name:ident $part:literal)+) => {
        $(#[test]
        fn $name() {
            many($part);
        })+
    };
}

histories_end_well! {
    histories_end_well_0 0
    histories_end_well_1 1
    histories_end_well_2 2
    histories_end_well_3 3
    histories_end_well_4 4
    histories_end_well_5 5
    histories_end_well_6 6
    histories_end_well_7 7
}

#[test]
fn the_same_seed_gives_the_same_history() {
    timeless(|| {
        let mut digests = Vec::new();
        for seed in 0..5 {
            let (first, second) = (play(Setting::of(seed)), play(Setting::of(seed)));
            assert_eq!(
                first.digest, second.digest,
                "seed {seed}\n{}\n---\n{}",
                first.tail, second.tail
            );
            digests.push(first.digest);
        }
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), 5);
    });
}

/// In good weather, with nothing else than one cut: at the first write, at the second, and so on.
#[test]
fn histories_end_well_after_a_cut_at_any_write() {
    timeless(|| {
        for write in 0.. {
            let setting = Setting {
                cut_at: Some((write, WriteCut::ALL[write % WriteCut::ALL.len()])),
                ..Setting::of(3_000_000)
            };
            let outcome = play(setting);
            judge(setting, &outcome);
            if outcome.tally.write_cuts == 0 {
                assert!(write > 30, "only {write} writes");
                return;
            }
        }
    });
}

#[test]
fn histories_end_well_with_two_processes_on_one_database() {
    timeless(|| {
        for seed in (1_000_000..).take(seeds_few()) {
            let setting = Setting {
                processes: Some(2),
                ..Setting::of(seed)
            };
            judge(setting, &play(setting));
        }
    });
}

#[test]
fn histories_end_well_on_postgres() {
    timeless(|| {
        for seed in (2_000_000..).take(seeds_few()) {
            let setting = Setting {
                backend: Backend::Postgres,
                ..Setting::of(seed)
            };
            judge(setting, &play(setting));
        }
    });
}

/// Some seed shows the mistake.
fn is_found(mistake: Mistake, what: &str) {
    timeless(|| {
        let mut found = Vec::new();
        for seed in 0..300 {
            let setting = Setting {
                mistake: Some(mistake),
                ..Setting::of(seed)
            };
            found = play(setting).wrong;
            if found.iter().any(|wrong| wrong.contains(what)) {
                return;
            }
        }
        panic!("{mistake:?} is not found; the last seed says {found:?}");
    });
}

#[test]
fn a_processor_that_forgets_keys_is_found() {
    let mistake = Mistake::BankForgetsKeys;
    is_found(mistake, "is refunded twice");
    is_found(mistake, "is paid out twice");
}

#[test]
fn a_broker_that_passes_money_on_twice_is_found() {
    is_found(Mistake::BrokerForgets, "is passed on 2 times");
}

#[test]
fn a_seller_that_issues_twice_is_found() {
    let mistake = Mistake::SellerIssuesTwice;
    is_found(mistake, "has 2 tickets");
}

#[test]
fn a_seller_that_forgets_to_deliver_is_found() {
    let mistake = Mistake::SellerForgets;
    is_found(mistake, "has tickets of []");
}

#[test]
fn a_disk_that_lies_about_what_it_has_written_is_found() {
    let mistake = Mistake::DiskLies;
    is_found(mistake, "was acknowledged, and is there 0 times");
}

#[test]
fn a_worker_that_sleeps_is_found() {
    let mistake = Mistake::WorkerSleeps;
    is_found(mistake, "it has not ended: checkout");
}

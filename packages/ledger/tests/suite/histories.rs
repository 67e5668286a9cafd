//! Random histories: money is neither made nor lost, nobody falls below zero, repeated commands change nothing, and the
//! audit agrees.

use std::collections::BTreeMap;

use imajin_kernel::Span;
use imajin_kernel::id::HoldId;
use imajin_ledger::{
    AccountKey, Command, EntryKind, HoldCapture, HoldRelease, Movement, Owner, Posting, Purpose, Release, account_list,
};
use imajin_testkit::Backend;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::world::{ASSET, World, available, person, place, rail};

const PEOPLE: u8 = 4;

/// A step of a history; numbers are taken modulo what there is.
#[derive(Debug, Clone)]
enum Step {
    Fund {
        to: u8,
        units: i64,
    },
    Transfer {
        from: u8,
        to: u8,
        units: i64,
    },
    Place {
        owner: u8,
        units: i64,
    },
    Capture {
        hold: usize,
        to: u8,
        units: i64,
        release_rest: bool,
    },
    Release {
        hold: usize,
        why: Release,
    },
    Repeat {
        command: usize,
    },
    Wait {
        minutes: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let units = prop_oneof![4 => 1..200_i64, 1 => -5..5_i64, 1 => Just(i64::MAX)];
    let who = 0..PEOPLE;
    let why = prop_oneof![Just(Release::Void), Just(Release::Expire), Just(Release::Refund)];
    prop_oneof![
        3 => (who.clone(), 1..500_i64).prop_map(|(to, units)| Step::Fund { to, units }),
        4 => (who.clone(), who.clone(), units.clone()).prop_map(|(from, to, units)| Step::Transfer { from, to, units }),
        4 => (who.clone(), 1..200_i64).prop_map(|(owner, units)| Step::Place { owner, units }),
        5 => (any::<usize>(), who, units, any::<bool>())
            .prop_map(|(hold, to, units, release_rest)| Step::Capture { hold, to, units, release_rest }),
        2 => (any::<usize>(), why).prop_map(|(hold, why)| Step::Release { hold, why }),
        2 => any::<usize>().prop_map(|command| Step::Repeat { command }),
        1 => (1..90_i64).prop_map(|minutes| Step::Wait { minutes }),
    ]
}

struct History {
    world: World,
    commands: Vec<Command>,
    holds: Vec<HoldId>,
}

impl History {
    fn command(&mut self, number: usize, step: &Step) -> Option<Command> {
        let key = format!("k{number}");
        let reference = "a history".to_owned();
        let hold_at = |index: usize| self.holds.get(index.checked_rem(self.holds.len())?).copied();
        match step {
            Step::Wait { minutes } => {
                self.world.later(Span::minutes(*minutes));
                None
            }
            Step::Repeat { command } => self.commands.get(command.checked_rem(self.commands.len())?).cloned(),
            Step::Fund { to, units } => Some(Command::Post(Posting {
                key,
                kind: EntryKind::Transfer,
                reference,
                movements: vec![
                    Movement::new(rail(), -units),
                    Movement::new(available(&person(*to)), *units),
                ],
            })),
            Step::Transfer { from, to, units } => {
                Some(crate::world::transfer(&key, &person(*from), &person(*to), *units))
            }
            Step::Place { owner, units } => {
                let place = place(&self.world, &key, &person(*owner), *units);
                self.holds.push(place.id);
                Some(Command::Place(place))
            }
            Step::Capture {
                hold,
                to,
                units,
                release_rest,
            } => Some(Command::Capture(HoldCapture {
                hold: hold_at(*hold)?,
                key,
                kind: EntryKind::Capture,
                reference,
                credits: vec![Movement::new(available(&person(*to)), *units)],
                release_rest: *release_rest,
            })),
            Step::Release { hold, why } => Some(Command::Release(HoldRelease {
                hold: hold_at(*hold)?,
                key,
                why: *why,
                reference,
            })),
        }
    }

    async fn balances(&self) -> BTreeMap<String, i64> {
        let mut all = BTreeMap::new();
        let owners: Vec<Owner> = (0..PEOPLE)
            .map(person)
            .chain([Owner::Rail("sandbox".to_owned())])
            .collect();
        for owner in owners {
            let (sealer, asked) = (self.world.sealer.clone(), owner.clone());
            let accounts = self
                .world
                .db
                .read(move |conn| account_list(conn, &sealer, &asked))
                .await;
            for account in Result::<_, imajin_ledger::LedgerError>::unwrap(accounts) {
                all.insert(account.key.to_string(), account.balance_units);
            }
        }
        all
    }

    async fn run(&mut self, batches: &[Vec<Step>]) {
        let mut number = 0;
        for batch in batches {
            let mut commands = Vec::new();
            for step in batch {
                number += 1;
                commands.extend(self.command(number, step));
            }
            let before = self.balances().await;
            let answers = self.world.execute(commands.clone()).await;
            if answers
                .iter()
                .all(|answer| answer.as_ref().map_or(true, |outcome| outcome.entry.replayed))
            {
                assert_eq!(self.balances().await, before, "a refusal or a repetition moved money");
            }
            for (command, answer) in commands.iter().zip(&answers) {
                if answer.is_ok() {
                    self.commands.push(command.clone());
                }
            }
        }
        let balances = self.balances().await;
        assert_eq!(
            balances.values().sum::<i64>(),
            0,
            "money was made or lost: {balances:?}"
        );
        let sandbox = AccountKey::new(Owner::Rail("sandbox".to_owned()), ASSET, Purpose::Settlement).to_string();
        for (account, balance) in &balances {
            assert!(*balance >= 0 || *account == sandbox, "{account} is below zero");
        }
        assert_eq!(self.world.audit().await, []);
    }
}

fn histories(backend: Backend, cases: u32) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let batches = prop::collection::vec(prop::collection::vec(step(), 1..8), 1..12);
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..Config::with_cases(cases)
    });
    let run = |batches: Vec<Vec<Step>>| {
        let world = World::new(backend);
        let mut history = History {
            world,
            commands: Vec::new(),
            holds: Vec::new(),
        };
        runtime.block_on(history.run(&batches));
        Ok(())
    };
    runner.run(&batches, run).unwrap();
}

#[test]
fn random_histories_on_sqlite() {
    histories(Backend::Sqlite, 48);
}

#[test]
fn random_histories_on_postgres() {
    histories(Backend::Postgres, 8);
}

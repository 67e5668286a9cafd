//! What everybody in a simulation shares: the clock, the dice, the weather, and the trace.

use std::collections::BTreeSet;
use std::sync::Mutex;

use imajin_kernel::{Env, ManualClock, Span, Timestamp};
use imajin_testkit::simulation::{Dice, Trace, pause};

use crate::abroad::{BROKER, HOME};

/// When every simulation begins.
pub(crate) const BEGIN: Timestamp = Timestamp::from_seconds(1_900_000_000);

/// How often what goes wrong, in a thousand times. Each simulation has a weather of its own, in which some kinds of
/// faults never happen: so the others are seen alone as well.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Weather {
    /// A call that never arrives.
    pub(crate) lost_before: usize,
    /// A call that is done, and whose answer is lost.
    pub(crate) lost_after: usize,
    /// The same on the lines to the broker and to the other node.
    pub(crate) lost_abroad: usize,
    /// Somebody does not answer for a while.
    pub(crate) away: usize,
    /// The database refuses a batch.
    pub(crate) refused: usize,
    /// The line to the database breaks during a commit.
    pub(crate) broken: usize,
    /// A process is killed, or the power is cut, at a write: before it, in the middle of it, or before its answer.
    pub(crate) write_cut: usize,
    /// A process is killed.
    pub(crate) kill: usize,
    /// The power is cut.
    pub(crate) power: usize,
    /// A message of a rail comes again.
    pub(crate) again: usize,
    /// A message comes that no rail has signed, or that was signed long ago.
    pub(crate) forged: usize,
    /// A message is signed, and arrives much later.
    pub(crate) late: usize,
    /// Hours pass.
    pub(crate) jump: usize,
}

impl Weather {
    /// The weather of a seed.
    pub(crate) fn of(dice: &Dice) -> Self {
        let often = |most: usize| {
            if dice.chance(350) { 0 } else { dice.below(most) + 1 }
        };
        Self {
            lost_before: often(150),
            lost_after: often(200),
            lost_abroad: often(400),
            away: often(10),
            refused: often(100),
            broken: often(80),
            write_cut: often(60),
            kill: often(6),
            power: often(4),
            again: often(40),
            forged: often(20),
            late: often(200),
            jump: often(5),
        }
    }
}

pub(crate) struct Ether {
    pub(crate) dice: Dice,
    pub(crate) clock: ManualClock,
    /// Time, and the randomness of everybody but the nodes.
    pub(crate) env: Env,
    weather: Mutex<Weather>,
    away: Mutex<BTreeSet<&'static str>>,
    pub(crate) trace: Mutex<Trace>,
    wrong: Mutex<Vec<String>>,
}

impl Ether {
    pub(crate) fn new(seed: u64, aloud: bool) -> Self {
        let clock = ManualClock::at(BEGIN);
        let dice = Dice::new(Env::fixed(clock.clone(), seed));
        let weather = Weather::of(&dice);
        let trace = Trace::new(aloud);
        let ether = Self {
            dice,
            env: Env::fixed(clock.clone(), seed.wrapping_add(1 << 32)),
            clock,
            weather: Mutex::new(weather),
            away: Mutex::default(),
            trace: Mutex::new(trace),
            wrong: Mutex::default(),
        };
        ether.say(&format!("{weather:?}"));
        ether
    }

    pub(crate) fn weather(&self) -> Weather {
        *self.weather.lock().unwrap()
    }

    /// Nothing goes wrong any more, but on the lines to the broker and to the other node: money is passed on between
    /// nodes when all else has ended, and that must not always be in good weather.
    pub(crate) fn calm(&self) {
        let mut weather = self.weather.lock().unwrap();
        *weather = Weather {
            lost_abroad: weather.lost_abroad,
            ..Weather::default()
        };
        drop(weather);
        self.away.lock().unwrap().clear();
        self.say("calm");
    }

    /// Nothing goes wrong any more, there neither.
    pub(crate) fn calm_abroad(&self) {
        self.weather.lock().unwrap().lost_abroad = 0;
        self.say("calm abroad");
    }

    /// Somebody goes away, or comes back.
    pub(crate) fn away_toggle(&self, who: &'static str) {
        let mut away = self.away.lock().unwrap();
        let gone = away.insert(who);
        if !gone {
            away.remove(who);
        }
        drop(away);
        self.say(&format!("{who} {}", if gone { "goes away" } else { "is back" }));
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.env.now()
    }

    pub(crate) fn pass(&self, span: Span) {
        self.clock.advance(span);
    }

    /// Writes into the trace.
    pub(crate) fn say(&self, text: &str) {
        let millis = self.now().since(BEGIN).as_millis();
        self.trace.lock().unwrap().line(format!("{millis} {text}"));
    }

    /// Something happened that must never happen.
    pub(crate) fn wrong(&self, text: String) {
        self.say(&format!("WRONG: {text}"));
        self.wrong.lock().unwrap().push(text);
    }

    pub(crate) fn wrongs(&self) -> Vec<String> {
        self.wrong.lock().unwrap().clone()
    }

    /// A call to somebody elsewhere: it may be lost, or its answer.
    pub(crate) async fn call<T, E>(
        &self,
        who: &'static str,
        what: &str,
        lost: impl Fn() -> E,
        act: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        pause().await;
        let weather = self.weather();
        if self.away.lock().unwrap().contains(who) || self.dice.chance(weather.lost_before) {
            self.say(&format!("{who}: {what} is lost"));
            return Err(lost());
        }
        let answer = act();
        self.say(&format!(
            "{who}: {what} {}",
            if answer.is_ok() { "done" } else { "refused" }
        ));
        pause().await;
        let is_abroad = [BROKER, HOME].contains(&who);
        let lost_after = if is_abroad {
            weather.lost_abroad
        } else {
            weather.lost_after
        };
        if self.dice.chance(lost_after) {
            self.say(&format!("{who}: the answer to {what} is lost"));
            return Err(lost());
        }
        answer
    }
}

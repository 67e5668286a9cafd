//! How a history comes to rest.

use imajin_kernel::Span;
use imajin_store::Fate;

use crate::checks;
use crate::mistakes::Mistake;
use crate::node::Node;
use crate::world::World;

/// Rounds of a quarter of an hour each until everything must have ended.
const ROUNDS: usize = 8;
/// Rounds in which what has come is also sent on.
const ROUNDS_WITH_MORE: usize = 3;
/// More turns than it ever takes until nobody can go on.
const TURNS_MAX: usize = 20_000;

impl World {
    /// The weather is good again, and time passes: everything must come to its end.
    pub(crate) fn settle(&mut self) {
        self.ether().calm();
        for number in 0..self.nodes.len() {
            if self.nodes[number].is_none() {
                self.start(number);
            }
        }
        self.rest();
        for round in 0..ROUNDS {
            if round == ROUNDS_WITH_MORE {
                self.ether().calm_abroad();
            }
            self.parts.bank.wind_up();
            self.parts.abroad.wind_up();
            self.parts.seller.sweep();
            self.ether().pass(Span::minutes(16));
            for number in 0..self.nodes.len() {
                if self.mistake != Some(Mistake::WorkerSleeps) {
                    self.drive(number);
                }
                self.sweep(number);
                if round < ROUNDS_WITH_MORE {
                    self.remit(number);
                }
            }
            self.rest();
            if round > 1 && checks::unfinished(self).is_empty() {
                return;
            }
        }
        for what in checks::unfinished(self) {
            self.ether().wrong(format!("it has not ended: {what}"));
        }
    }

    /// Goes on until nobody can.
    fn rest(&mut self) {
        for _ in 0..TURNS_MAX {
            if !self.ether().wrongs().is_empty() {
                return;
            }
            let ready = self.tasks.ready();
            let busy = |node: &Option<Node>| node.as_ref().is_some_and(|node| node.stepper.waiting() > 0);
            if let Some(task) = self.ether().dice.pick(&ready).copied() {
                self.tasks.poll(task);
            } else if let Some(number) = self.nodes.iter().position(busy) {
                self.write_with(number, Fate::Kept);
            } else {
                self.letters_collect();
                let letters = self.desk.letters.borrow().clone();
                if letters.is_empty() {
                    return;
                }
                for letter in &letters {
                    self.deliver(letter, Span::seconds(0));
                }
            }
            self.asks_take();
            self.acks_take();
        }
        self.ether().wrong("it does not come to rest".to_owned());
    }

    /// Compares everything, after everything has ended: a round that was under way first, and then a whole one.
    pub(crate) fn compare_all(&mut self) {
        for _ in 0..2 {
            self.ether().pass(Span::hours(1));
            self.compare(0);
            self.rest();
        }
    }
}

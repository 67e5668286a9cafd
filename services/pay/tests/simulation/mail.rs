//! Messages of rails on their way to the webhook: late, again, out of order, and forged.

use std::rc::Rc;
use std::sync::Arc;

use imajin_kernel::{Code, Span};

use crate::bank::sign;
use crate::people::Letter;
use crate::world::{Tag, World};

impl World {
    pub(crate) fn acks_take(&mut self) {
        for id in self.acks.take() {
            let mut letters = self.desk.letters.borrow_mut();
            if let Some(place) = letters.iter().position(|letter| letter.id() == id) {
                self.acknowledged.push(letters.remove(place));
            }
        }
    }

    pub(crate) fn letters_collect(&self) {
        let outgoing = std::mem::take(&mut self.parts.bank.books().outgoing);
        self.desk
            .letters
            .borrow_mut()
            .extend(outgoing.into_iter().map(Letter::Cards));
    }

    pub(crate) fn deliver_some(&mut self) {
        self.letters_collect();
        let (ether, weather) = (Arc::clone(self.ether()), self.ether().weather());
        let picked = ether.dice.pick(&self.desk.letters.borrow()).cloned();
        let Some(letter) = picked else { return };
        let late = ether.dice.chance(weather.late);
        let age = if late { ether.dice.below(1_200) } else { 0 };
        self.deliver(&letter, Span::seconds(i64::try_from(age).unwrap()));
    }

    /// A message arrives that was signed so long ago.
    pub(crate) fn deliver(&mut self, letter: &Letter, age: Span) {
        let ether = Arc::clone(self.ether());
        let number = ether.dice.below(self.nodes.len());
        let Some(node) = &self.nodes[number] else { return };
        let (body, headers) = match letter {
            Letter::Sandbox { body, .. } => (body.clone(), Vec::new()),
            Letter::Cards(notice) => {
                let body = serde_json::to_vec(notice).unwrap();
                let header = sign(&body, ether.now().minus(age));
                (body, vec![header])
            }
        };
        let (pay, rail, id) = (Arc::clone(&node.pay), letter.rail(), letter.id().to_owned());
        let signed_at = ether.now().minus(age);
        let deaf = ether.dice.chance(ether.weather().lost_after);
        let acks = Rc::clone(&self.acks);
        ether.say(&format!("node {number}: {id} comes"));
        self.tasks.spawn(Tag::Request(number), async move {
            match pay.webhook_receive(rail, body, &headers).await {
                Ok(_receipt) if !deaf => acks.borrow_mut().push(id),
                Ok(_receipt) => {}
                Err(problem) if problem.code == Code::Unavailable => {}
                // It may have waited at the node's door for as long.
                Err(problem)
                    if problem.code == Code::StaleSignature && ether.now().since(signed_at) > Span::seconds(299) => {}
                Err(problem) => ether.wrong(format!("{id} is genuine, and refused: {problem:?}")),
            }
        });
    }

    /// Somebody else than the rail says something.
    pub(crate) fn forge(&mut self) {
        let ether = Arc::clone(self.ether());
        self.letters_collect();
        let mut known = self.acknowledged.clone();
        known.extend(self.desk.letters.borrow().iter().cloned());
        let Some(letter) = ether.dice.pick(&known) else { return };
        let number = ether.dice.below(self.nodes.len());
        let Some(node) = &self.nodes[number] else { return };
        let (body, headers) = match letter {
            Letter::Sandbox { body, .. } => {
                let text = String::from_utf8_lossy(body).replacen("\"id\":\"sbx_", "\"id\":\"sbx_0", 1);
                (text.into_bytes(), Vec::new())
            }
            Letter::Cards(notice) => {
                let body = serde_json::to_vec(notice).unwrap();
                let old = sign(&body, ether.now().minus(Span::hours(1)));
                let (name, mac) = sign(&body, ether.now());
                match ether.dice.below(4) {
                    0 => (body, vec![old]),
                    1 => (body, vec![(name, format!("{mac}0"))]),
                    2 => (body, Vec::new()),
                    _ => ([&body[..], b" "].concat(), vec![(name, mac)]),
                }
            }
        };
        let (pay, rail) = (Arc::clone(&node.pay), letter.rail());
        self.tally.forged += 1;
        self.tasks.spawn(Tag::Request(number), async move {
            let answer = pay.webhook_receive(rail, body, &headers).await;
            let refused =
                answer.is_err_and(|problem| matches!(problem.code, Code::BadSignature | Code::StaleSignature));
            if !refused {
                ether.wrong("a forged message is not refused".to_owned());
            }
        });
    }
}

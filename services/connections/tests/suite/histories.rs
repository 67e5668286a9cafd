//! Random histories: every question has the answer of a slow, obvious implementation, in the process that has followed
//! every write, in one that reads what other processes write, and in one that was started from the database.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use imajin_connections_api::{
    PathAnswer, PathFetch, StatementKind, StatementView, TrustApi, TrustAsk, WhyNotView, path_verify,
};
use imajin_did::{Did, SecretKey};
use imajin_kernel::{Span, Timestamp};
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::world::World;

on_both!(every_answer_is_that_of_a_slow_obvious_implementation);

const PEOPLE: usize = 6;
const STEPS: usize = 50;
/// How many histories there are; `IMAJIN_TRUST_HISTORIES` asks for more.
const HISTORIES: u64 = 4;

/// Everything that was ever said, in order; looked through from the start at every question.
#[derive(Default)]
struct Model(Vec<Said>);

struct Said {
    view: StatementView,
    number: u32,
    expires: Option<Timestamp>,
    accepted: bool,
    over: bool,
}

impl Said {
    fn joins(&self, kind: StatementKind, one: &Did, other: &Did) -> bool {
        let along = self.view.from == *one && self.view.to == *other;
        let against = self.view.from == *other && self.view.to == *one;
        self.view.kind == kind && (along || kind.is_mutual() && against)
    }

    fn counts(&self, now: Timestamp) -> bool {
        let complete = self.accepted || !self.view.kind.is_mutual();
        complete && !self.over && self.expires.is_none_or(|ends| ends > now)
    }
}

impl Model {
    fn said(&self, kind: StatementKind, one: &Did, other: &Did, now: Timestamp) -> Option<&Said> {
        self.0
            .iter()
            .find(|said| said.joins(kind, one, other) && said.counts(now))
    }

    fn trusts(&self, one: &Did, other: &Did, ask: &TrustAsk, now: Timestamp) -> bool {
        let vouch = self.said(StatementKind::Vouch, one, other, now);
        self.said(StatementKind::Connection, one, other, now).is_some()
            || ask.vouch_least > 0 && vouch.is_some_and(|said| said.number >= ask.vouch_least)
            || ask.co_presence && self.said(StatementKind::CoPresence, one, other, now).is_some()
    }

    /// Why somebody is in none of the distances.
    fn why_not(&self, people: &[Did], ask: &TrustAsk, now: Timestamp) -> WhyNotView {
        let there_is = |said: &&Said| !said.over && (said.accepted || !said.view.kind.is_mutual());
        let ties = self.0.iter().filter(there_is);
        let is_known = |did: &&Did| ties.clone().any(|said| [&said.view.from, &said.view.to].contains(did));
        if let Some(stranger) = [&ask.from, &ask.to].into_iter().find(|did| !is_known(did)) {
            return WhyNotView::Unknown { did: stranger.clone() };
        }
        let flag = self.said(StatementKind::Flag, &ask.from, &ask.to, now);
        if flag.is_some_and(|said| said.number == 3) {
            return WhyNotView::Flagged;
        }
        let hops = |hops, vouch_least, now| {
            let ask = TrustAsk {
                hops,
                vouch_least,
                ..ask.clone()
            };
            self.distances(people, &ask, now).get(&ask.to).copied()
        };
        if let Some(hops) = hops(6, ask.vouch_least, now) {
            WhyNotView::Far { hops }
        } else if hops(ask.hops, 1, now).is_some() {
            WhyNotView::Weak
        } else if hops(ask.hops, ask.vouch_least, Timestamp::from_seconds(0)).is_some() {
            WhyNotView::Lapsed
        } else {
            WhyNotView::Apart
        }
    }

    fn distances(&self, people: &[Did], ask: &TrustAsk, now: Timestamp) -> BTreeMap<Did, u8> {
        let red = |other: &Did| {
            self.said(StatementKind::Flag, &ask.from, other, now)
                .is_some_and(|said| said.number == 3)
        };
        let mut found = BTreeMap::from([(ask.from.clone(), 0)]);
        for hops in 1..=ask.hops {
            let known: Vec<Did> = found.keys().cloned().collect();
            for next in people.iter().filter(|next| !known.contains(next) && !red(next)) {
                if known.iter().any(|one| self.trusts(one, next, ask, now)) {
                    found.insert(next.clone(), hops);
                }
            }
        }
        found
    }
}

struct History {
    world: World,
    people: Vec<SecretKey>,
    model: Model,
}

impl History {
    fn dice(&self, sides: usize) -> usize {
        let [byte] = self.world.env.random_bytes::<1>();
        usize::from(byte) % sides
    }

    async fn step(&mut self) {
        self.world.later(Span::seconds(1));
        let one = self.dice(PEOPLE);
        let other = (one + 1 + self.dice(PEOPLE - 1)) % PEOPLE;
        let (from, to) = (self.people[one].clone(), self.people[other].clone());
        match self.dice(11) {
            // The process dies: what comes after it has only the database.
            10 => self.world = self.world.again().await,
            0..3 => {
                self.say(StatementKind::Connection, &from, &to, (json!({}), 0, None))
                    .await;
            }
            3 => {
                let event: imajin_kernel::id::EventId = self.world.env.new_id();
                self.say(
                    StatementKind::CoPresence,
                    &from,
                    &to,
                    (json!({"event": event}), 0, None),
                )
                .await;
            }
            4..7 => {
                let weight = [1, 400_000, 1_000_000][self.dice(3)];
                let ends = self.world.env.now().plus(Span::seconds(20));
                let ends = (self.dice(3) == 0).then_some(ends);
                let mut payload = json!({"weightMillionths": weight});
                if let Some(ends) = ends {
                    payload["expires"] = json!(ends.as_millis());
                }
                self.say(StatementKind::Vouch, &from, &to, (payload, weight, ends))
                    .await;
            }
            7 => {
                let number = self.dice(3);
                let level = ["yellow", "amber", "red"][number];
                let payload = json!({"level": level});
                let number = u32::try_from(number).unwrap() + 1;
                self.say(StatementKind::Flag, &from, &to, (payload, number, None)).await;
            }
            _ => self.end().await,
        }
    }

    async fn say(
        &mut self,
        kind: StatementKind,
        from: &SecretKey,
        to: &SecretKey,
        (payload, number, expires): (Value, u32, Option<Timestamp>),
    ) {
        let document = self.world.said(from, kind, to, &payload);
        let answer = self.world.submit(from, &document).await;
        let (one, other) = (from.did(), to.did());
        let mut standing = self
            .model
            .0
            .iter_mut()
            .filter(|said| !said.over && said.joins(kind, &one, &other));
        if let Some(standing) = standing.next() {
            if kind.is_mutual() {
                answer.expect(StatusCode::CONFLICT);
                return;
            }
            standing.over = true;
        }
        let view: StatementView = answer.expect(StatusCode::OK).parse();
        let accepted = kind.is_mutual() && self.dice(4) > 0;
        if accepted {
            self.world.accept(to, &view).await;
        }
        self.model.0.push(Said {
            view,
            number,
            expires,
            accepted,
            over: false,
        });
    }

    async fn end(&mut self) {
        if self.model.0.is_empty() {
            return;
        }
        let index = self.dice(self.model.0.len());
        let said = &mut self.model.0[index];
        let owner = self.people.iter().find(|key| key.did() == said.view.from).unwrap();
        self.world.revoke(owner, &said.view).await;
        said.over = true;
    }

    async fn compare(&self, world: &World) {
        let now = world.env.now();
        let dids: Vec<Did> = self.people.iter().map(SecretKey::did).collect();
        for from in &dids {
            let mut ask = TrustAsk::near(from.clone(), from.clone());
            ask.hops = u8::try_from(1 + self.dice(6)).unwrap();
            ask.vouch_least = [0, 1, 500_000][self.dice(3)];
            ask.co_presence = self.dice(2) == 0;
            let distances = self.model.distances(&dids, &ask, now);
            for to in &dids {
                ask.to = to.clone();
                let answer = world.service.trust_check(ask.clone()).await.unwrap();
                let hops = distances.get(to).copied();
                assert_eq!(answer.hops, hops, "{ask:?}");
                let (ask, reader) = (ask.clone(), from.clone());
                let path = world
                    .service
                    .trust_path(PathFetch {
                        ask: ask.clone(),
                        reader,
                    })
                    .await;
                self.compare_path(&ask, hops, &path.unwrap(), &dids);
            }
            self.compare_lists(world, from, &dids).await;
        }
    }

    /// Another process answers with everything that this one's last answer had seen.
    async fn seen_by(&self, beside: &World) {
        let did = self.people[0].did();
        let ask = TrustAsk::near(did.clone(), did);
        let answer = self.world.service.trust_check(ask.clone()).await.unwrap();
        let token = Some(answer.token);
        beside.service.trust_check(TrustAsk { token, ..ask }).await.unwrap();
    }

    fn compare_path(&self, ask: &TrustAsk, hops: Option<u8>, answer: &PathAnswer, dids: &[Did]) {
        let now = self.world.env.now();
        assert_eq!(answer.hops, hops, "{ask:?}");
        let Some(hops) = hops else {
            assert_eq!(answer.why_not, Some(self.model.why_not(dids, ask, now)), "{ask:?}");
            return;
        };
        let steps = answer.steps.as_ref().unwrap();
        assert_eq!(steps.len(), usize::from(hops), "{ask:?}");
        let keys = |did: &Did, _at| did.public_key().into_iter().collect();
        if hops > 0 {
            assert_eq!(
                path_verify(steps, &keys, now),
                Ok((ask.from.clone(), ask.to.clone())),
                "{ask:?}"
            );
        }
        for step in steps {
            assert!(self.model.trusts(&step.from, &step.to, ask, now), "{ask:?}: {step:?}");
        }
    }

    async fn compare_lists(&self, world: &World, from: &Did, dids: &[Did]) {
        let now = world.env.now();
        let mut ask = TrustAsk::near(from.clone(), from.clone());
        let mut near: Vec<(u8, Did)> = self
            .model
            .distances(dids, &ask, now)
            .into_iter()
            .map(|(did, hops)| (hops, did))
            .collect();
        near.sort();
        let near: Vec<Value> = near
            .into_iter()
            .skip(1)
            .map(|(hops, did)| json!({"did": did, "hops": hops}))
            .collect();
        let within = world.get(Some(from), "/trust/within?hops=3").await.json();
        assert_eq!(within["people"], json!(near));
        ask.hops = 1;
        let other = &dids[self.dice(PEOPLE)];
        let knows = |one: &Did| {
            dids.iter()
                .filter(|next| self.model.trusts(one, next, &ask, now))
                .cloned()
                .collect::<BTreeSet<Did>>()
        };
        let both: Vec<Did> = knows(from).intersection(&knows(other)).cloned().collect();
        let mutual = world
            .get(Some(from), &format!("/trust/mutual?with={other}"))
            .await
            .json();
        assert_eq!(mutual["mutual"], json!(both));
        let count = |kind: StatementKind, received: bool| {
            let counted = dids.iter().filter(|next| {
                let (one, two) = if received { (*next, from) } else { (from, *next) };
                self.model.said(kind, one, two, now).is_some()
            });
            counted.count()
        };
        let standing = world.get(Some(from), &format!("/trust/standing/{from}")).await.json();
        assert_eq!(standing["connections"], count(StatementKind::Connection, true));
        assert_eq!(standing["vouches"], count(StatementKind::Vouch, true));
        assert_eq!(standing["vouching"], count(StatementKind::Vouch, false));
        let flags = ["yellow", "amber", "red"].map(|level| standing[level].as_u64().unwrap());
        assert_eq!(
            usize::try_from(flags.iter().sum::<u64>()).unwrap(),
            count(StatementKind::Flag, true)
        );
    }
}

async fn every_answer_is_that_of_a_slow_obvious_implementation(backend: Backend) {
    let wanted = std::env::var("IMAJIN_TRUST_HISTORIES").ok();
    let count = wanted.and_then(|text| text.parse().ok()).unwrap_or(HISTORIES);
    for seed in 0..count {
        println!("history {seed}");
        one_history(backend, seed).await;
    }
}

async fn one_history(backend: Backend, seed: u64) {
    let world = World::seeded(backend, seed).await;
    let people: Vec<SecretKey> = (0..PEOPLE).map(|number| world.person(&format!("p{number}"))).collect();
    for person in &people {
        world.audience(person, "everybody").await;
    }
    let beside = world.again().await;
    let mut history = History {
        world,
        people,
        model: Model::default(),
    };
    for step in 0..STEPS {
        history.step().await;
        if step % 10 == 9 {
            history.compare(&history.world).await;
            history.seen_by(&beside).await;
            history.compare(&beside).await;
        }
    }
    history.compare(&history.world.again().await).await;
    assert_eq!(history.world.audit().await, []);
}

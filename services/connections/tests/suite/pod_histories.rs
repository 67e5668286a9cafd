//! Random histories of pods: who is in them, and as what, is what a simple model says after every step.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use imajin_connections_api::{PodCheck, PodRole, PodsApi};
use imajin_did::SecretKey;
use imajin_kernel::Span;
use imajin_testkit::{Answer, Backend, on_both};
use serde_json::json;

use crate::pods::{accept, dissolve, invite, leave, offer, remove, role};
use crate::world::World;

on_both!(roles_and_members_are_those_of_a_simple_model);

const PEOPLE: usize = 5;
const STEPS: usize = 100;
/// `IMAJIN_PROPTEST_CASES` plays more of them.
const HISTORIES: u8 = 3;
const PODS_MAX: usize = 4;

/// One pod as somebody would keep it on paper.
#[derive(Debug, Clone, Default)]
struct Paper {
    parent: Option<usize>,
    owner: usize,
    heir: Option<usize>,
    is_gone: bool,
    /// By person; only those who have accepted.
    inside: BTreeMap<usize, PodRole>,
    invited: BTreeMap<usize, PodRole>,
}

struct History<'a> {
    world: &'a World,
    people: Vec<SecretKey>,
    ids: Vec<String>,
    papers: Vec<Paper>,
    allowed: usize,
    refused: usize,
}

const ROLES: [(&str, PodRole); 2] = [("member", PodRole::Member), ("admin", PodRole::Admin)];

impl History<'_> {
    fn dice(&self, sides: usize) -> usize {
        let [byte] = self.world.env.random_bytes::<1>();
        usize::from(byte) % sides
    }

    /// The answer must be the one that the paper says.
    fn told(&mut self, answer: &Answer, is_allowed: bool, what: &str) {
        assert_eq!(answer.status == StatusCode::OK, is_allowed, "{what}: {}", answer.text());
        assert!(!answer.status.is_server_error(), "{what}: {}", answer.text());
        self.allowed += usize::from(is_allowed);
        self.refused += usize::from(!is_allowed);
    }

    fn depth(&self, pod: usize) -> usize {
        1 + self.papers[pod].parent.map_or(0, |parent| self.depth(parent))
    }

    fn height(&self, pod: usize) -> usize {
        1 + self.inner(pod).map(|inner| self.height(inner)).max().unwrap_or(0)
    }

    fn inner(&self, pod: usize) -> impl Iterator<Item = usize> + '_ {
        let lives_in = move |index: &usize| !self.papers[*index].is_gone && self.papers[*index].parent == Some(pod);
        (0..self.papers.len()).filter(lives_in)
    }

    fn is_within(&self, pod: usize, outer: usize) -> bool {
        pod == outer
            || self.papers[pod]
                .parent
                .is_some_and(|parent| self.is_within(parent, outer))
    }

    async fn make(&mut self) {
        let owner = self.dice(PEOPLE);
        let parent = (self.dice(2) == 0 && !self.papers.is_empty()).then(|| self.dice(self.papers.len()));
        let is_allowed = parent.is_none_or(|parent| {
            let paper = &self.papers[parent];
            paper.owner == owner && !paper.is_gone && self.depth(parent) < 3
        });
        let body = json!({"name": "Pod", "type": "shared", "parent": parent.map(|parent| &self.ids[parent])});
        let answer = self.world.change(&self.people[owner], "POST", "/pods", &body).await;
        self.told(&answer, is_allowed, "make");
        if is_allowed {
            self.ids.push(answer.json()["id"].as_str().unwrap().to_owned());
            self.papers.push(Paper {
                parent,
                owner,
                inside: BTreeMap::from([(owner, PodRole::Owner)]),
                ..Paper::default()
            });
        }
    }

    async fn step(&mut self) {
        self.world.later(Span::minutes(5));
        if self.papers.iter().filter(|paper| !paper.is_gone).count() < PODS_MAX && self.dice(3) == 0
            || self.papers.is_empty()
        {
            return self.make().await;
        }
        let (pod, other, act) = (self.dice(self.papers.len()), self.dice(PEOPLE), self.dice(16));
        let by = self.likely(pod, (5..9).contains(&act));
        match act {
            0..5 => self.invite(pod, by, other).await,
            5..9 => self.accept(pod, by).await,
            9 | 10 => self.role(pod, by, other).await,
            11 => self.remove(pod, by, other).await,
            12 => self.leave(pod, by).await,
            13 | 14 => self.offer(pod, by, other).await,
            _ if self.dice(3) == 0 => self.dissolve(pod, by).await,
            _ => self.put(pod, by).await,
        }
    }

    /// Half of the time whoever can do something, else anybody.
    fn likely(&self, pod: usize, accepts: bool) -> usize {
        let paper = &self.papers[pod];
        match (self.dice(2), accepts) {
            (0, _) => self.dice(PEOPLE),
            (_, true) => paper
                .heir
                .or(paper.invited.keys().next().copied())
                .unwrap_or(paper.owner),
            (_, false) => paper.owner,
        }
    }

    async fn invite(&mut self, pod: usize, by: usize, other: usize) {
        let (name, wanted) = ROLES[self.dice(2)];
        let paper = &self.papers[pod];
        let giver = paper.inside.get(&by).copied();
        let least = |role: PodRole| {
            if role == PodRole::Admin {
                PodRole::Owner
            } else {
                PodRole::Admin
            }
        };
        let before = paper.invited.get(&other).copied();
        let may_change = before.is_none_or(|before| before == wanted || giver >= Some(least(before)));
        let is_allowed =
            !paper.is_gone && giver >= Some(least(wanted)) && !paper.inside.contains_key(&other) && may_change;
        let (by, other_key) = (&self.people[by], &self.people[other]);
        let answer = invite(self.world, by, &self.ids[pod], other_key, name).await;
        self.told(&answer, is_allowed, "invite");
        if is_allowed {
            self.papers[pod].invited.insert(other, wanted);
        }
    }

    async fn accept(&mut self, pod: usize, by: usize) {
        let wanted = [PodRole::Member, PodRole::Admin, PodRole::Owner][self.dice(3)];
        let paper = &self.papers[pod];
        let stands_alone = paper.parent.is_none() && self.inner(pod).next().is_none();
        let takes_over = wanted == PodRole::Owner && paper.heir == Some(by) && stands_alone;
        let is_so = paper.inside.get(&by) == Some(&wanted);
        let joins = paper.invited.get(&by) == Some(&wanted);
        let is_allowed = !paper.is_gone && (takes_over || is_so || joins);
        let answer = accept(self.world, &self.people[by], &self.ids[pod], wanted.as_str()).await;
        self.told(&answer, is_allowed, "accept");
        let paper = &mut self.papers[pod];
        if is_allowed && !is_so {
            if takes_over {
                paper.inside.insert(paper.owner, PodRole::Admin);
                paper.owner = by;
                paper.heir = None;
            }
            paper.invited.remove(&by);
            paper.inside.insert(by, wanted);
        }
    }

    async fn role(&mut self, pod: usize, by: usize, other: usize) {
        let (name, wanted) = ROLES[self.dice(2)];
        let paper = &self.papers[pod];
        let is_allowed = !paper.is_gone && paper.owner == by && other != by && paper.inside.contains_key(&other);
        let answer = role(self.world, &self.people[by], &self.ids[pod], &self.people[other], name).await;
        self.told(&answer, is_allowed, "role");
        if is_allowed {
            self.papers[pod].inside.insert(other, wanted);
        }
    }

    async fn remove(&mut self, pod: usize, by: usize, other: usize) {
        let paper = &self.papers[pod];
        let remover = paper.inside.get(&by).copied();
        let place = paper.inside.get(&other).or_else(|| paper.invited.get(&other)).copied();
        // Who is out already stays out; whoever was never asked is nobody.
        let answer = remove(self.world, &self.people[by], &self.ids[pod], &self.people[other]).await;
        let may = !paper.is_gone && remover >= Some(PodRole::Admin) && other != by;
        let Some(place) = place else {
            assert!(may || answer.status != StatusCode::OK, "{}", answer.text());
            return;
        };
        let is_allowed = may && Some(place) < remover;
        self.told(&answer, is_allowed, "remove");
        if is_allowed {
            self.out(pod, other);
        }
    }

    async fn leave(&mut self, pod: usize, by: usize) {
        let paper = &self.papers[pod];
        let answer = leave(self.world, &self.people[by], &self.ids[pod]).await;
        if !paper.inside.contains_key(&by) && !paper.invited.contains_key(&by) {
            assert!(!answer.status.is_server_error());
            return;
        }
        let is_allowed = !paper.is_gone && paper.owner != by;
        self.told(&answer, is_allowed, "leave");
        if is_allowed {
            self.out(pod, by);
        }
    }

    fn out(&mut self, pod: usize, who: usize) {
        let paper = &mut self.papers[pod];
        paper.inside.remove(&who);
        paper.invited.remove(&who);
        paper.heir = paper.heir.filter(|heir| *heir != who);
    }

    async fn offer(&mut self, pod: usize, by: usize, other: usize) {
        let to = (self.dice(4) > 0).then_some(other);
        let paper = &self.papers[pod];
        let stands_alone = paper.parent.is_none() && self.inner(pod).next().is_none();
        let may_go = to.is_none_or(|to| to != by && paper.inside.contains_key(&to) && stands_alone);
        let is_allowed = !paper.is_gone && paper.owner == by && (paper.heir == to || may_go);
        let to_key = to.map(|to| &self.people[to]);
        let answer = offer(self.world, &self.people[by], &self.ids[pod], to_key).await;
        self.told(&answer, is_allowed, "offer");
        if is_allowed {
            self.papers[pod].heir = to;
        }
    }

    async fn put(&mut self, pod: usize, by: usize) {
        let parent = (self.dice(3) > 0).then(|| self.dice(self.papers.len()));
        let paper = &self.papers[pod];
        let fits = parent.is_none_or(|parent| {
            let outer = &self.papers[parent];
            let lives = !outer.is_gone && outer.owner == by && paper.heir.is_none();
            lives && !self.is_within(parent, pod) && self.depth(parent) + self.height(pod) <= 3
        });
        let is_allowed = !paper.is_gone && paper.owner == by && fits;
        let parent_id = parent.map(|parent| self.ids[parent].clone());
        let body = json!({"name": "Pod", "visibility": "private", "parent": parent_id});
        let path = format!("/pods/{}", self.ids[pod]);
        let answer = self.world.change(&self.people[by], "PUT", &path, &body).await;
        self.told(&answer, is_allowed, "put");
        if is_allowed {
            self.papers[pod].parent = parent;
        }
    }

    async fn dissolve(&mut self, pod: usize, by: usize) {
        let paper = &self.papers[pod];
        let is_allowed = paper.owner == by && (paper.is_gone || self.inner(pod).next().is_none());
        let answer = dissolve(self.world, &self.people[by], &self.ids[pod]).await;
        self.told(&answer, is_allowed, "dissolve");
        if is_allowed {
            self.papers[pod].is_gone = true;
            self.papers[pod].heir = None;
        }
    }

    /// Everybody is what the paper says, in each pod and with those that stand in it.
    async fn compare(&self, world: &World) {
        for (pod, paper) in self.papers.iter().enumerate() {
            let owners = paper.inside.values().filter(|role| **role == PodRole::Owner).count();
            assert_eq!((owners, paper.inside.get(&paper.owner)), (1, Some(&PodRole::Owner)));
            for (index, person) in self.people.iter().enumerate() {
                let own = |pod: usize| self.papers[pod].inside.get(&index).copied();
                let mut below: Vec<usize> = vec![pod];
                let mut at = 0;
                while at < below.len() {
                    below.extend(self.inner(below[at]));
                    at += 1;
                }
                let mut check = PodCheck::of(self.ids[pod].parse().unwrap(), person.did());
                for (with_inner, counted) in [(false, &below[..1]), (true, &below[..])] {
                    check.with_inner = with_inner;
                    let highest = counted.iter().filter_map(|pod| own(*pod)).max();
                    let expected = if paper.is_gone { None } else { highest };
                    let answer = world.service.pod_check(check.clone()).await.unwrap();
                    assert_eq!(
                        answer.role, expected,
                        "pod {pod}, person {index}, with inner: {with_inner}"
                    );
                }
            }
        }
    }
}

async fn roles_and_members_are_those_of_a_simple_model(backend: Backend) {
    let cases = std::env::var("IMAJIN_PROPTEST_CASES").ok();
    let cases = cases.and_then(|cases| cases.parse().ok()).unwrap_or(HISTORIES);
    for number in 0..cases {
        history(backend, number).await;
    }
}

async fn history(backend: Backend, number: u8) {
    let world = World::new(backend).await;
    // Each history begins at another place of the same dice.
    for _skipped in 0..number {
        let [_dice] = world.env.random_bytes::<1>();
    }
    let people = (0..PEOPLE).map(|number| world.person(&format!("p{number}"))).collect();
    let mut history = History {
        world: &world,
        people,
        ids: Vec::new(),
        papers: Vec::new(),
        allowed: 0,
        refused: 0,
    };
    for step in 0..STEPS {
        history.step().await;
        if step % 10 == 9 {
            history.compare(&world).await;
        }
    }
    history.compare(&world.again().await).await;
    assert!(
        history.allowed > 10 && history.refused > 10,
        "{} and {}",
        history.allowed,
        history.refused
    );
    assert_eq!(world.audit().await, []);
}

//! One history: who goes on next, what breaks, and how everything comes to rest.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use imajin_did::Keyring;
use imajin_fair::plan::FeeSchedule;
use imajin_kernel::{Env, Span};
use imajin_rails::SandboxRail;
use imajin_store::Fate;
use imajin_testkit::Backend;
use imajin_testkit::simulation::Tasks;

use crate::abroad::{Abroad, BROKER, HOME};
use crate::bank::{Bank, CARDS};
use crate::checks;
use crate::ether::Ether;
use crate::mistakes::Mistake;
use crate::node::{Disk, Node, PUBLIC, Parts};
use crate::people::{self, Desk, Letter};
use crate::seller::{OrderState, Seller};
use crate::shoppers;
use crate::strangers;
use crate::tally::Tally;

/// Steps in bad weather.
const STEPS: usize = 600;
/// How a history is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) seed: u64,
    pub(crate) backend: Backend,
    /// Processes over the one database; by the seed, if not said.
    pub(crate) processes: Option<usize>,
    pub(crate) mistake: Option<Mistake>,
    /// In good weather, with nothing but this at one write.
    pub(crate) cut_at: Option<(usize, WriteCut)>,
    pub(crate) aloud: bool,
}

impl Setting {
    pub(crate) fn of(seed: u64) -> Self {
        Self {
            seed,
            backend: Backend::Sqlite,
            processes: None,
            mistake: None,
            cut_at: None,
            aloud: false,
        }
    }
}

/// What became of it.
pub(crate) struct Outcome {
    pub(crate) digest: u64,
    /// What must never happen, and did.
    pub(crate) wrong: Vec<String>,
    pub(crate) tail: String,
    pub(crate) tally: Tally,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    People,
    Drive(usize),
    Sweep(usize),
    Compare(usize),
    Remit(usize),
    Request(usize),
}

impl Tag {
    fn is_of(self, node: usize) -> bool {
        match self {
            Self::People => false,
            Self::Drive(of) | Self::Sweep(of) | Self::Compare(of) | Self::Remit(of) | Self::Request(of) => of == node,
        }
    }
}

/// How something ends at a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteCut {
    KilledBefore,
    KilledAfter,
    Torn,
    PowerAfter,
}

impl WriteCut {
    pub(crate) const ALL: [Self; 4] = [Self::KilledBefore, Self::KilledAfter, Self::Torn, Self::PowerAfter];
}

#[derive(Debug, Clone, Copy)]
enum Move {
    Poll(u64),
    Write(usize),
    Start(usize),
    Drive(usize),
    Sweep(usize),
    Compare(usize),
    Remit(usize),
    Deliver,
    Again,
    Forge,
    Person,
    Clock,
    Jump,
    Bank,
    Broker,
    Seller,
    Away,
    Kill,
    Power,
}

pub(crate) struct World {
    pub(crate) desk: Rc<Desk>,
    pub(crate) parts: Parts,
    pub(crate) disk: Disk,
    pub(crate) nodes: Vec<Option<Node>>,
    pub(crate) tasks: Tasks<Tag>,
    /// Messages that a node has acknowledged, and the ones that were acknowledged just now.
    pub(crate) acknowledged: Vec<Letter>,
    pub(crate) acks: Rc<RefCell<Vec<String>>>,
    people: usize,
    pub(crate) mistake: Option<Mistake>,
    cut_at: Option<(usize, WriteCut)>,
    pub(crate) tally: Tally,
}

/// Plays a history to its end.
pub(crate) fn play(setting: Setting) -> Outcome {
    let mut world = World::new(setting);
    if setting.cut_at.is_some() {
        world.ether().calm();
        world.ether().calm_abroad();
    }
    for _ in 0..STEPS {
        if !world.ether().wrongs().is_empty() {
            break;
        }
        world.step();
    }
    if world.ether().wrongs().is_empty() {
        world.settle();
    }
    world.ether().calm_abroad();
    if world.ether().wrongs().is_empty() {
        world.compare_all();
    }
    if world.ether().wrongs().is_empty() {
        checks::all(&mut world);
    }
    let ether = Arc::clone(world.ether());
    let tally = world.tally;
    drop(world);
    let trace = ether.trace.lock().unwrap();
    Outcome {
        digest: trace.digest(),
        wrong: ether.wrongs(),
        tail: trace.tail(60),
        tally,
    }
}

impl World {
    fn new(setting: Setting) -> Self {
        let ether = Arc::new(Ether::new(setting.seed, setting.aloud));
        let processes = setting.processes.unwrap_or_else(|| 1 + ether.dice.below(2));
        let bank = Arc::new(Bank::new(Arc::clone(&ether), setting.mistake));
        let seller = Arc::new(Seller::new(Arc::clone(&ether), setting.mistake));
        let env = Env::fixed(ether.clock.clone(), setting.seed.wrapping_add(1 << 33));
        let keyring = Keyring::generate(&env);
        let node = keyring.node_did().clone();
        let abroad = Arc::new(Abroad::new(Arc::clone(&ether), node, setting.mistake));
        let sandbox = SandboxRail::new(&keyring, ether.env.clone(), format!("{PUBLIC}/pay"));
        let fees = if ether.dice.chance(500) {
            FeeSchedule::mjn()
        } else {
            FeeSchedule::none()
        };
        let desk = Rc::new(Desk {
            ether,
            bank: Arc::clone(&bank),
            seller: Arc::clone(&seller),
            abroad: Arc::clone(&abroad),
            sandbox,
            asks: RefCell::default(),
            letters: RefCell::default(),
            checkouts: RefCell::default(),
            answers: RefCell::default(),
        });
        let parts = Parts {
            env,
            keyring,
            bank,
            seller,
            abroad,
            fees,
        };
        let mut world = Self {
            desk,
            parts,
            disk: Disk::new(setting.backend),
            nodes: (0..processes).map(|_| None).collect(),
            tasks: Tasks::default(),
            acknowledged: Vec::new(),
            acks: Rc::default(),
            people: 0,
            mistake: setting.mistake,
            cut_at: setting.cut_at,
            tally: Tally::default(),
        };
        (0..processes).for_each(|number| world.start(number));
        for name in ["mira", "jonas"] {
            world
                .tasks
                .spawn(Tag::People, people::payee(Rc::clone(&world.desk), name));
        }
        let desk = || Rc::clone(&world.desk);
        world.tasks.spawn(Tag::People, shoppers::refunder(desk()));
        world.tasks.spawn(Tag::People, shoppers::latecomer(desk()));
        world.tasks.spawn(Tag::People, strangers::sender(desk()));
        if world.ether().dice.chance(800) {
            world.tasks.spawn(Tag::People, strangers::emigrant(desk(), "mira"));
        }
        world
    }

    pub(crate) fn ether(&self) -> &Arc<Ether> {
        &self.desk.ether
    }

    fn moves(&self) -> Vec<(usize, Move)> {
        let weather = self.ether().weather();
        let mut moves: Vec<(usize, Move)> = Vec::new();
        let ready = self.tasks.ready();
        if let Some(task) = self.ether().dice.pick(&ready) {
            moves.push((600, Move::Poll(*task)));
        }
        for (number, node) in self.nodes.iter().enumerate() {
            let Some(node) = node else {
                moves.push((80, Move::Start(number)));
                continue;
            };
            if node.stepper.waiting() > 0 {
                moves.push((300, Move::Write(number)));
            }
            if self.tasks.count(|tag| *tag == Tag::Drive(number)) == 0 && self.mistake != Some(Mistake::WorkerSleeps) {
                moves.push((50, Move::Drive(number)));
            }
            if self.tasks.count(|tag| *tag == Tag::Sweep(number)) == 0 {
                moves.push((12, Move::Sweep(number)));
            }
        }
        if let Some(number) = self.nodes.iter().position(Option::is_some)
            && self.tasks.count(|tag| matches!(tag, Tag::Compare(_))) == 0
        {
            moves.push((4, Move::Compare(number)));
        }
        if let Some(number) = self.nodes.iter().position(Option::is_some)
            && self.tasks.count(|tag| matches!(tag, Tag::Remit(_))) == 0
        {
            moves.push((20, Move::Remit(number)));
        }
        if self.people < 8 {
            moves.push((30, Move::Person));
        }
        moves.extend([
            (60, Move::Deliver),
            (30, Move::Clock),
            (30, Move::Bank),
            (12, Move::Broker),
            (5, Move::Seller),
            (weather.again, Move::Again),
            (weather.forged, Move::Forge),
            (weather.jump, Move::Jump),
            (weather.away, Move::Away),
            (weather.kill, Move::Kill),
            (weather.power, Move::Power),
        ]);
        moves
    }

    fn step(&mut self) {
        let moves = self.moves();
        let all: usize = moves.iter().map(|(weight, _)| weight).sum();
        let mut roll = self.ether().dice.below(all);
        for (weight, next) in moves {
            if roll < weight {
                self.do_move(next);
                break;
            }
            roll -= weight;
        }
        self.asks_take();
        self.acks_take();
    }

    fn do_move(&mut self, next: Move) {
        let ether = Arc::clone(self.ether());
        let dice = &ether.dice;
        match next {
            Move::Poll(task) => drop(self.tasks.poll(task)),
            Move::Write(number) => self.write(number),
            Move::Start(number) => self.start(number),
            Move::Drive(number) => self.drive(number),
            Move::Sweep(number) => self.sweep(number),
            Move::Compare(number) => self.compare(number),
            Move::Remit(number) => self.remit(number),
            Move::Deliver => self.deliver_some(),
            Move::Again => {
                if let Some(letter) = dice.pick(&self.acknowledged).cloned() {
                    self.deliver(&letter, Span::seconds(0));
                }
            }
            Move::Forge => self.forge(),
            Move::Person => {
                self.people += 1;
                let (desk, number) = (Rc::clone(&self.desk), self.people);
                match dice.below(10) {
                    0..=2 => self.tasks.spawn(Tag::People, shoppers::reader(desk, number)),
                    3..=4 => self.tasks.spawn(Tag::People, strangers::agent(desk, number)),
                    _ => self.tasks.spawn(Tag::People, people::buyer(desk, number)),
                }
            }
            Move::Clock => ether.pass(Span::millis(i64::try_from(dice.below(20_000)).unwrap())),
            Move::Jump => ether.pass(Span::minutes(i64::try_from(1 + dice.below(90)).unwrap())),
            Move::Bank => self.bank_moves(),
            Move::Broker => self.parts.abroad.something(),
            Move::Seller => self.parts.seller.sweep(),
            Move::Away => ether.away_toggle(dice.pick(&[CARDS, "seller", BROKER, HOME]).unwrap()),
            Move::Kill => self.kill(dice.below(self.nodes.len())),
            Move::Power => self.power_cut(self.disk.log_length()),
        }
    }

    fn bank_moves(&self) {
        let goods_gone = |checkout| {
            let stock = self.parts.seller.stock();
            let mut orders = stock.orders.values();
            orders.any(|order| order.state == OrderState::Fulfilled(checkout))
        };
        self.parts.bank.something(&goods_gone);
    }

    pub(crate) fn start(&mut self, number: usize) {
        let node = Node::start(&self.disk, number, self.parts.clone());
        self.ether().say(&format!("node {number} starts"));
        self.nodes[number] = Some(node);
        if self.ether().dice.chance(60) {
            checks::audit(self);
        }
    }

    /// A process ends where it is.
    fn end(&mut self, number: usize) {
        self.tasks.retain(|tag| !tag.is_of(number));
        self.nodes[number] = None;
    }

    /// All processes end where they are; of the log there is so much on the disk.
    fn power_cut(&mut self, log_length: usize) {
        self.ether().say("the power is cut");
        self.tally.cuts += 1;
        let left = if self.mistake == Some(Mistake::DiskLies) {
            log_length / 2
        } else {
            log_length
        };
        self.disk.cut(left);
        (0..self.nodes.len()).for_each(|number| self.end(number));
        self.disk.old_forget();
    }

    fn kill(&mut self, number: usize) {
        if self.nodes[number].is_some() {
            self.ether().say(&format!("node {number} is killed"));
            self.tally.kills += 1;
            self.end(number);
        }
    }

    fn write(&mut self, number: usize) {
        let (ether, weather) = (Arc::clone(self.ether()), self.ether().weather());
        let chosen = self.cut_at.filter(|(write, _)| *write == self.tally.writes);
        let cut = chosen.map(|(_, cut)| cut).or_else(|| {
            let happens = ether.dice.chance(weather.write_cut);
            happens.then(|| ether.dice.pick(&WriteCut::ALL).copied()).flatten()
        });
        if let Some(cut) = cut {
            return self.write_cut(number, cut);
        }
        let fate = if ether.dice.chance(weather.refused) {
            Fate::Refused
        } else if ether.dice.chance(weather.broken) {
            if ether.dice.chance(500) {
                Fate::KeptUnheard
            } else {
                Fate::LostUnheard
            }
        } else {
            Fate::Kept
        };
        self.write_with(number, fate);
    }

    /// Something ends at a write: before it, in the middle of it, or after it and before anybody hears of it.
    fn write_cut(&mut self, number: usize, cut: WriteCut) {
        let before = self.disk.log_length();
        self.tally.write_cuts += 1;
        if cut != WriteCut::KilledBefore {
            self.write_with(number, Fate::Kept);
        }
        let after = self.disk.log_length();
        match cut {
            WriteCut::KilledBefore | WriteCut::KilledAfter => self.kill(number),
            WriteCut::Torn => {
                let torn = self.ether().dice.below(after.saturating_sub(before));
                self.ether().say("a commit is torn");
                self.power_cut(before + torn);
            }
            WriteCut::PowerAfter => self.power_cut(after),
        }
    }

    pub(crate) fn write_with(&mut self, number: usize, fate: Fate) {
        let Some(node) = &self.nodes[number] else { return };
        let length = node.stepper.step(1 + self.ether().dice.below(4), fate);
        self.ether().say(&format!("node {number}: {length} writes {fate:?}"));
        self.tally.writes += 1;
        if self.tally.writes.is_multiple_of(16) {
            checks::sums(self);
        }
    }

    pub(crate) fn drive(&mut self, number: usize) {
        let Some(node) = &self.nodes[number] else { return };
        let pay = Arc::clone(&node.pay);
        self.tasks.spawn(Tag::Drive(number), async move {
            // What does not succeed now is tried again.
            let _tried = pay.drive().await;
        });
    }

    /// Compares the rails with the ledger.
    pub(crate) fn compare(&mut self, number: usize) {
        let Some(node) = &self.nodes[number] else { return };
        let pay = Arc::clone(&node.pay);
        self.tally.compared += 1;
        self.tasks.spawn(Tag::Compare(number), async move {
            // A rail that is away is asked again next time.
            let _tried = pay.reconcile_now(None).await;
        });
    }

    /// Sends what people of the other node have here.
    pub(crate) fn remit(&mut self, number: usize) {
        let Some(node) = &self.nodes[number] else { return };
        let pay = Arc::clone(&node.pay);
        self.tasks.spawn(Tag::Remit(number), async move {
            // What does not succeed now is tried again.
            let _tried = pay.remittances_batch().await;
        });
    }

    pub(crate) fn sweep(&mut self, number: usize) {
        let Some(node) = &self.nodes[number] else { return };
        let pay = Arc::clone(&node.pay);
        let cleans = self.ether().dice.chance(250);
        self.tasks.spawn(Tag::Sweep(number), async move {
            let _tried = pay.sweep().await;
            if cleans {
                pay.housekeeping().await;
            }
        });
    }

    /// Gives what the people ask for to a node that is up.
    pub(crate) fn asks_take(&mut self) {
        let asks = self.desk.asks.take();
        for ask in asks {
            let up: Vec<usize> = (0..self.nodes.len())
                .filter(|number| self.nodes[*number].is_some())
                .collect();
            let Some(number) = self.ether().dice.pick(&up) else {
                continue;
            };
            if let Some(node) = &self.nodes[*number] {
                self.tasks.spawn(Tag::Request(*number), ask(node));
            }
        }
    }
}

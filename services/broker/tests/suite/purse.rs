//! Balances and holds in memory, by the rules of the ledger: nothing below zero, one name is one movement.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use imajin_did::Did;
use imajin_kernel::id::HoldId;
use imajin_kernel::{Code, Problem, Timestamp};
use imajin_money::{Amount, Money};
use imajin_pay_api::{
    PurseApi, PurseBalances, PurseCapture, PurseDone, PurseLine, PurseReserve, PurseReturn, PurseReturned,
    PurseStatement, PurseTransfer,
};
use imajin_web::macro_support::async_trait;

pub(crate) struct Hold {
    owner: Did,
    amount: Money,
    captured: i64,
    returned: Option<i64>,
}

#[derive(Default)]
struct Book {
    balances: BTreeMap<(Did, String), i64>,
    holds: BTreeMap<HoldId, Hold>,
    moved: BTreeSet<String>,
    away: u32,
    lost: u32,
    forbidden: u32,
}

/// The fake ledger.
#[derive(Default)]
pub(crate) struct FakePurse(Mutex<Book>);

impl Book {
    fn add(&mut self, did: &Did, asset: &str, micros: i64) -> Result<(), Problem> {
        let balance = self.balances.entry((did.canonical(), asset.to_owned())).or_default();
        if *balance + micros < 0 {
            return Err(Problem::new(Code::PaymentRequired, "There is less than that."));
        }
        *balance += micros;
        Ok(())
    }

    fn fault(&mut self) -> Result<(), Problem> {
        if self.away > 0 {
            self.away -= 1;
            return Err(Problem::unavailable("Pay"));
        }
        if self.forbidden > 0 {
            self.forbidden -= 1;
            return Err(Problem::new(Code::Forbidden, "This account may not do that."));
        }
        Ok(())
    }

    /// It was done, and nobody hears of it.
    fn answer<T>(&mut self, answer: T) -> Result<T, Problem> {
        if self.lost > 0 {
            self.lost -= 1;
            return Err(Problem::unavailable("Pay"));
        }
        Ok(answer)
    }
}

impl FakePurse {
    pub(crate) fn put(&self, did: &Did, money: &str) {
        let money: Money = money.parse().unwrap();
        let mut book = self.0.lock().unwrap();
        book.add(did, money.asset.as_str(), money.amount.micros()).unwrap();
    }

    pub(crate) fn has(&self, did: &Did) -> i64 {
        let book = self.0.lock().unwrap();
        let key = (did.canonical(), "TEST-USD".to_owned());
        book.balances.get(&key).copied().unwrap_or(0)
    }

    /// What is set aside, paid and returned, of all holds together.
    pub(crate) fn holds(&self) -> (i64, i64, i64) {
        let book = self.0.lock().unwrap();
        let holds = book.holds.values();
        holds.fold((0, 0, 0), |sum, hold| {
            let (reserved, captured) = (hold.amount.amount.micros(), hold.captured);
            (sum.0 + reserved, sum.1 + captured, sum.2 + hold.returned.unwrap_or(0))
        })
    }

    pub(crate) fn hold_count(&self) -> usize {
        self.0.lock().unwrap().holds.len()
    }

    /// The next questions are not answered, and nothing is done.
    pub(crate) fn away(&self, times: u32) {
        self.0.lock().unwrap().away = times;
    }

    /// The next questions are answered with a no for good.
    pub(crate) fn forbid(&self, times: u32) {
        self.0.lock().unwrap().forbidden = times;
    }

    /// What the next questions ask is done, and the answers are lost.
    pub(crate) fn lose(&self, times: u32) {
        self.0.lock().unwrap().lost = times;
    }
}

fn done() -> PurseDone {
    PurseDone {
        entry: "ent_00000000000000000000000000".to_owned(),
    }
}

#[async_trait]
impl PurseApi for FakePurse {
    async fn purse_reserve(&self, asked: PurseReserve) -> Result<PurseDone, Problem> {
        let mut book = self.0.lock().unwrap();
        book.fault()?;
        if !book.holds.contains_key(&asked.hold) {
            let (asset, micros) = (asked.amount.asset, asked.amount.amount.micros());
            book.add(&asked.owner, asset.as_str(), -micros)?;
            let hold = Hold {
                owner: asked.owner.canonical(),
                amount: asked.amount,
                captured: 0,
                returned: None,
            };
            book.holds.insert(asked.hold, hold);
        }
        book.answer(done())
    }

    async fn purse_capture(&self, asked: PurseCapture) -> Result<PurseDone, Problem> {
        let mut book = self.0.lock().unwrap();
        book.fault()?;
        if book.moved.insert(format!("capture/{}", asked.key)) {
            let micros = asked.amount.amount.micros();
            let hold = book.holds.get_mut(&asked.hold).unwrap();
            assert_eq!(hold.returned, None, "paid from what was returned");
            assert!(
                hold.captured + micros <= hold.amount.amount.micros(),
                "more than was set aside"
            );
            hold.captured += micros;
            book.add(&asked.payee, asked.amount.asset.as_str(), micros).unwrap();
        }
        book.answer(done())
    }

    async fn purse_return(&self, asked: PurseReturn) -> Result<PurseReturned, Problem> {
        let mut book = self.0.lock().unwrap();
        book.fault()?;
        let hold = book.holds.get_mut(&asked.hold).unwrap();
        let (owner, money) = (hold.owner.clone(), hold.amount);
        let left = money.amount.micros() - hold.captured;
        let before = hold.returned.replace(left);
        if before.is_none() {
            book.add(&owner, money.asset.as_str(), left).unwrap();
        }
        let returned = Money::new(Amount::from_micros(left).unwrap(), money.asset);
        book.answer(PurseReturned { returned })
    }

    async fn purse_transfer(&self, asked: PurseTransfer) -> Result<PurseDone, Problem> {
        let mut book = self.0.lock().unwrap();
        book.fault()?;
        let key = format!("transfer/{}", asked.key);
        if !book.moved.contains(&key) {
            let (asset, micros) = (asked.amount.asset, asked.amount.amount.micros());
            book.add(&asked.from, asset.as_str(), -micros)?;
            book.add(&asked.to, asset.as_str(), micros)?;
            book.moved.insert(key);
        }
        book.answer(done())
    }

    async fn purse_balances(&self, asked: PurseBalances) -> Result<Vec<Money>, Problem> {
        let book = self.0.lock().unwrap();
        let own = book
            .balances
            .iter()
            .filter(|((did, _), _)| *did == asked.owner.canonical());
        let money = |((_, asset), micros): (&(Did, String), &i64)| {
            Money::new(Amount::from_micros(*micros).unwrap(), asset.parse().unwrap())
        };
        Ok(own.map(money).collect())
    }

    async fn purse_statement(&self, asked: PurseStatement) -> Result<Vec<PurseLine>, Problem> {
        if asked.before.is_some() {
            return Ok(Vec::new());
        }
        Ok(vec![PurseLine {
            number: 1,
            time: Timestamp::from_seconds(1_900_000_000),
            kind: "hold".to_owned(),
            reference: "=visa".to_owned(),
            units: -2_500_000,
            balance: Money::new(Amount::from_micros(7_500_000).unwrap(), asked.currency.parse().unwrap()),
            entry: "ent_00000000000000000000000000".to_owned(),
        }])
    }
}

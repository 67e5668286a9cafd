//! What a broker at this node does with money: holds of balances, payments from them, transfers.
//!
//! The node itself holds what a broker sets aside, so that nobody but the broker can capture or void it.

use async_trait::async_trait;
use imajin_kernel::id::EntryId;
use imajin_kernel::{Code, Problem};
use imajin_ledger::{
    Account, AccountKey, Command, EntryKind, HoldCapture, HoldPlace, HoldRelease, HoldState, Movement, Outcome, Owner,
    Posting, Purpose, Release, account_list, hold_fetch, statement_list,
};
use imajin_money::{Amount, Asset, Money};
use imajin_pay_api::{
    PurseApi, PurseBalances, PurseCapture, PurseDone, PurseLine, PurseReserve, PurseReturn, PurseReturned,
    PurseStatement, PurseTransfer,
};
use imajin_store::Conn;

use crate::context::Context;
use crate::domain::debts::{debt_repay, income_book};
use crate::{Pay, PayError};

/// The most lines of a statement at once.
const LINES_MAX: u32 = 500;

fn book(conn: &mut Conn, context: &Context, command: &Command) -> Result<Outcome, PayError> {
    Ok(context.ledger.execute_one(conn, command)??)
}

fn done(outcome: &Outcome) -> PurseDone {
    PurseDone {
        entry: outcome.entry.id.to_string(),
    }
}

fn reserve(conn: &mut Conn, context: &Context, wish: &PurseReserve) -> Result<PurseDone, PayError> {
    let why: EntryId = context.env.new_id();
    debt_repay(conn, context, &wish.owner, wish.amount.asset, why.as_str())?;
    let place = HoldPlace {
        id: wish.hold,
        key: format!("purse/reserve/{}", wish.hold),
        source: AccountKey::of(&wish.owner, wish.amount.asset, Purpose::Available),
        owner: Owner::Did(context.keyring.node_did().canonical()),
        amount: wish.amount.amount,
        reference: wish.reference.clone(),
        expires_at: None,
    };
    book(conn, context, &Command::Place(place)).map(|outcome| done(&outcome))
}

fn capture(conn: &mut Conn, context: &Context, wish: &PurseCapture) -> Result<PurseDone, PayError> {
    let payee = AccountKey::of(&wish.payee, wish.amount.asset, Purpose::Available);
    let key = format!("purse/capture/{}", wish.key);
    let capture = HoldCapture {
        hold: wish.hold,
        key: key.clone(),
        kind: EntryKind::Capture,
        reference: wish.reference.clone(),
        credits: vec![Movement::new(payee, wish.amount.amount.micros())],
        release_rest: false,
    };
    income_book(conn, context, &key, &wish.reference, Command::Capture(capture)).map(|outcome| done(&outcome))
}

/// What was set aside may be used up, or given back already: then nothing is left to do.
fn give_back(conn: &mut Conn, context: &Context, wish: &PurseReturn) -> Result<PurseReturned, PayError> {
    let hold = hold_fetch(conn, &context.sealer, wish.hold)?.ok_or(PayError::NotFound("hold"))?;
    if hold.state == HoldState::Open {
        let release = HoldRelease {
            hold: hold.id,
            key: format!("purse/return/{}", hold.id),
            why: Release::Void,
            reference: wish.reference.clone(),
        };
        book(conn, context, &Command::Release(release))?;
    }
    let returned = hold.amount.amount.checked_sub(hold.captured).unwrap_or(Amount::ZERO);
    Ok(PurseReturned {
        returned: Money::new(returned, hold.amount.asset),
    })
}

fn transfer(conn: &mut Conn, context: &Context, wish: &PurseTransfer) -> Result<PurseDone, PayError> {
    let (asset, units) = (wish.amount.asset, wish.amount.amount.micros());
    let account = |did| AccountKey::of(did, asset, Purpose::Available);
    let (why, key): (EntryId, _) = (context.env.new_id(), format!("purse/transfer/{}", wish.key));
    debt_repay(conn, context, &wish.from, asset, why.as_str())?;
    let posting = Posting {
        key: key.clone(),
        kind: EntryKind::Transfer,
        reference: wish.reference.clone(),
        movements: vec![
            Movement::new(account(&wish.from), units.saturating_neg()),
            Movement::new(account(&wish.to), units),
        ],
    };
    income_book(conn, context, &key, &wish.reference, Command::Post(posting)).map(|outcome| done(&outcome))
}

fn balances(conn: &mut Conn, context: &Context, wish: &PurseBalances) -> Result<Vec<Money>, PayError> {
    let owner = Owner::Did(wish.owner.canonical());
    let accounts = account_list(conn, &context.sealer, &owner)?;
    let spendable = accounts
        .iter()
        .filter(|account| account.key.purpose == Purpose::Available);
    spendable.map(money_of).collect()
}

fn money_of(account: &Account) -> Result<Money, PayError> {
    money(account.balance_units, account.key.asset)
}

fn money(units: i64, asset: Asset) -> Result<Money, PayError> {
    let amount = Amount::from_micros(units);
    let amount = amount.map_err(|error| PayError::Fault(format!("a balance below zero: {error}")))?;
    Ok(Money::new(amount, asset))
}

fn statement(conn: &mut Conn, context: &Context, wish: &PurseStatement) -> Result<Vec<PurseLine>, PayError> {
    let wrong = |_unknown| PayError::invalid("currency", "is none that this node knows");
    let asset: Asset = wish.currency.parse().map_err(wrong)?;
    let account = AccountKey::of(&wish.owner, asset, Purpose::Available);
    let limit = i64::from(wish.limit.clamp(1, LINES_MAX));
    let lines = statement_list(conn, &context.sealer, &account, wish.before, limit)?;
    let line = |line: imajin_ledger::StatementLine| {
        Ok(PurseLine {
            number: line.number,
            time: line.posted_at,
            kind: line.kind.to_string(),
            reference: line.reference,
            units: line.units,
            balance: money(line.balance_after, asset)?,
            entry: line.entry.to_string(),
        })
    };
    lines.into_iter().map(line).collect()
}

#[async_trait]
impl PurseApi for Pay {
    async fn purse_reserve(&self, request: PurseReserve) -> Result<PurseDone, Problem> {
        let reserved = self.write(move |conn, context| reserve(conn, context, &request)).await;
        Ok(reserved?)
    }

    async fn purse_capture(&self, request: PurseCapture) -> Result<PurseDone, Problem> {
        let captured = self.write(move |conn, context| capture(conn, context, &request)).await;
        Ok(captured?)
    }

    async fn purse_return(&self, request: PurseReturn) -> Result<PurseReturned, Problem> {
        let returned = self
            .write(move |conn, context| give_back(conn, context, &request))
            .await;
        Ok(returned?)
    }

    async fn purse_transfer(&self, request: PurseTransfer) -> Result<PurseDone, Problem> {
        if request.from.canonical() == request.to.canonical() {
            return Err(Problem::new(
                Code::InvalidRequest,
                "Nobody passes money on to themselves.",
            ));
        }
        let moved = self.write(move |conn, context| transfer(conn, context, &request)).await;
        Ok(moved?)
    }

    async fn purse_balances(&self, request: PurseBalances) -> Result<Vec<Money>, Problem> {
        let found = self.read(move |conn, context| balances(conn, context, &request)).await;
        Ok(found?)
    }

    async fn purse_statement(&self, request: PurseStatement) -> Result<Vec<PurseLine>, Problem> {
        let found = self.read(move |conn, context| statement(conn, context, &request)).await;
        Ok(found?)
    }
}

//! The instructions of transfers.

use super::program::{TokenMove, compute_limit, compute_price, sol_transfer, token_account_create, token_transfer};
use super::split::{Priority, Transfer};
use super::wire::Instruction;
use super::{Address, Coin, SolanaError};

/// The most compute units that a transaction with these transfers takes.
pub(crate) fn units_max(transfers: &[Transfer], coin: &Coin, priority: Priority) -> u32 {
    // Generous. The token program that the tests run takes some 150 units for a transfer and 16,000 for an account, its
    // predecessor forty times as many for a transfer; an account whose bump seed lies deep takes more.
    const BASE: u32 = 40_000;
    const TRANSFER: u32 = 10_000;
    const ACCOUNT: u32 = 60_000;
    let creating = transfers
        .iter()
        .filter(|transfer| transfer.creates && coin.mint.is_some());
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let needed = BASE
        .saturating_add(TRANSFER.saturating_mul(count(transfers.len())))
        .saturating_add(ACCOUNT.saturating_mul(count(creating.count())));
    priority.units_max.unwrap_or(needed)
}

/// The instructions that say what a transaction with these transfers may cost.
pub(crate) fn budget(transfers: &[Transfer], coin: &Coin, priority: Priority) -> Vec<Instruction> {
    let mut instructions = vec![compute_limit(units_max(transfers, coin, priority))];
    if priority.price_microlamports > 0 {
        instructions.push(compute_price(priority.price_microlamports));
    }
    instructions
}

/// The instructions of the transfers themselves. Each carries the reference: what a payment paid is only what its own
/// transfers say, so one transaction cannot count for two checkouts.
pub(crate) fn transfers_write(
    payer: &Address,
    coin: &Coin,
    transfers: &[Transfer],
    reference: &Address,
) -> Result<Vec<Instruction>, SolanaError> {
    let mut instructions = Vec::new();
    let Some(mint) = &coin.mint else {
        let write = |transfer: &Transfer| sol_transfer(payer, &transfer.owner, Coin::units(transfer.amount), reference);
        return Ok(transfers.iter().map(write).collect());
    };
    let source = coin.account(payer)?;
    for transfer in transfers {
        if transfer.creates {
            instructions.push(token_account_create(payer, &transfer.account, &transfer.owner, mint));
        }
        instructions.push(token_transfer(&TokenMove {
            mint,
            decimals: coin.decimals,
            source: &source,
            owner: payer,
            destination: &transfer.account,
            units: Coin::units(transfer.amount),
            reference,
        }));
    }
    Ok(instructions)
}

//! The instructions that a payment is made of, each as the program that runs it reads them.

use super::Address;
use super::wire::{AccountUse, Instruction};

/// Moves SOL and makes accounts.
pub const SYSTEM_PROGRAM: Address = Address::from_bytes([0; 32]);
/// Moves tokens.
pub const TOKEN_PROGRAM: Address = Address::literal(b"TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");
/// Makes the account in which an owner keeps one token.
pub const ASSOCIATED_TOKEN_PROGRAM: Address = Address::literal(b"ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL");
/// Keeps a line of text in the transaction.
pub const MEMO_PROGRAM: Address = Address::literal(b"MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr");
/// Says what a transaction may cost.
pub const COMPUTE_BUDGET_PROGRAM: Address = Address::literal(b"ComputeBudget111111111111111111111111111111");

/// The token program's instruction without the mint; wallets still send it.
pub(crate) const TOKEN_TRANSFER: u8 = 3;
/// The token program's instruction that names the mint and its decimals.
pub(crate) const TOKEN_TRANSFER_CHECKED: u8 = 12;
/// The system program's transfer.
pub(crate) const SYSTEM_TRANSFER: u32 = 2;

/// What moves from one account to another.
#[derive(Debug, Clone, Copy)]
pub struct TokenMove<'a> {
    /// The token.
    pub mint: &'a Address,
    /// Its decimals, which the program compares.
    pub decimals: u8,
    /// The token account that pays.
    pub source: &'a Address,
    /// Who owns it, and signs.
    pub owner: &'a Address,
    /// The token account that receives.
    pub destination: &'a Address,
    /// How much, in the token's smallest unit.
    pub units: u64,
    /// Carried along, so that the transfer can be found by it.
    pub reference: &'a Address,
}

/// A transfer of tokens in which the program checks the mint and its decimals.
pub fn token_transfer(transfer: &TokenMove<'_>) -> Instruction {
    let mut data = vec![TOKEN_TRANSFER_CHECKED];
    data.extend_from_slice(&transfer.units.to_le_bytes());
    data.push(transfer.decimals);
    Instruction {
        program: TOKEN_PROGRAM,
        accounts: vec![
            AccountUse::writable(*transfer.source),
            AccountUse::readonly(*transfer.mint),
            AccountUse::writable(*transfer.destination),
            AccountUse::signer(*transfer.owner),
            AccountUse::readonly(*transfer.reference),
        ],
        data,
    }
}

/// A transfer of SOL, in lamports (a thousandth of a millionth).
pub fn sol_transfer(from: &Address, to: &Address, lamports: u64, reference: &Address) -> Instruction {
    let mut data = SYSTEM_TRANSFER.to_le_bytes().to_vec();
    data.extend_from_slice(&lamports.to_le_bytes());
    Instruction {
        program: SYSTEM_PROGRAM,
        accounts: vec![
            AccountUse::paying(*from),
            AccountUse::writable(*to),
            AccountUse::readonly(*reference),
        ],
        data,
    }
}

/// Makes the associated token account of `owner` unless it is there; `payer` pays its rent.
pub fn token_account_create(payer: &Address, account: &Address, owner: &Address, mint: &Address) -> Instruction {
    const IDEMPOTENT: u8 = 1;
    Instruction {
        program: ASSOCIATED_TOKEN_PROGRAM,
        accounts: vec![
            AccountUse::paying(*payer),
            AccountUse::writable(*account),
            AccountUse::readonly(*owner),
            AccountUse::readonly(*mint),
            AccountUse::readonly(SYSTEM_PROGRAM),
            AccountUse::readonly(TOKEN_PROGRAM),
        ],
        data: vec![IDEMPOTENT],
    }
}

/// A line of text.
pub fn memo(text: &str) -> Instruction {
    Instruction {
        program: MEMO_PROGRAM,
        accounts: Vec::new(),
        data: text.as_bytes().to_vec(),
    }
}

/// How many compute units the transaction may use.
pub fn compute_limit(units: u32) -> Instruction {
    let mut data = vec![2];
    data.extend_from_slice(&units.to_le_bytes());
    compute_budget(data)
}

/// What is offered for each compute unit, in millionths of a lamport.
pub fn compute_price(microlamports: u64) -> Instruction {
    let mut data = vec![3];
    data.extend_from_slice(&microlamports.to_le_bytes());
    compute_budget(data)
}

fn compute_budget(data: Vec<u8>) -> Instruction {
    Instruction {
        program: COMPUTE_BUDGET_PROGRAM,
        accounts: Vec::new(),
        data,
    }
}

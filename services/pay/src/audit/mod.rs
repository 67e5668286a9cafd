//! What `imajin verify` checks of pay.

mod checkouts;
mod contracts;
mod days;
mod fees;
mod goods;
mod limits;
mod messages;
mod payments;
mod payouts;
mod receipts;
mod refunds;
mod remits;
mod shares;
mod solana;
mod sums;
mod visas;

use std::collections::BTreeMap;

use diesel::Connection;
use diesel::result::Error;
use imajin_did::Keyring;
use imajin_kernel::Env;
use imajin_ledger::LedgerError;
use imajin_store::mutation::{Keys, Writer};
use imajin_store::{Conn, Finding, SealedRow, Sealer, StoreError};

pub use goods::{PaidGoods, paid_goods_list};

use crate::domain::distribute::FlowKey;
use crate::rows::{
    AddressRow, CaptureRow, CheckoutRow, ContractRow, DifferenceRow, DisputeRow, FactRow, FeesRow, FlowRow, HomeRow,
    MessageRow, PartRow, PayeeRow, PaymentRow, PayoutRow, PledgeRow, ReceiptRow, ReceivedRow, RecordRow, RefundRow,
    RemittanceLegRow, ReversalRow, RoundRow, SalesDayRow, SalesRow, SentRow, ShareRow, SplitRow, SumRow, VisaRow,
    WalletRow,
};
use crate::{PayConfig, SERVICE};

/// Rows per page.
const PAGE: i64 = 500;

/// Checks everything in pay's database: the seals of all rows, the mutation log, the ledger from its first entry, each
/// checkout against what was logged, each rail message against its signature and its entry, each receipt against its
/// signatures, its plan and its entry, and the sums. Looks at one moment.
///
/// # Errors
/// [`StoreError`] for what stopped the audit; what is wrong with a row is a finding.
pub fn audit(conn: &mut Conn, keyring: &Keyring) -> Result<Vec<Finding>, StoreError> {
    audit_with_keys(conn, keyring, &|_did| Vec::new())
}

/// As [`audit`]; `keys` gives the keys that a DID has or had besides the one that it contains.
///
/// # Errors
/// As [`audit`].
pub fn audit_with_keys(conn: &mut Conn, keyring: &Keyring, keys: Keys<'_>) -> Result<Vec<Finding>, StoreError> {
    run(conn, keyring, keys, &|_finding| false)
}

/// As [`audit`], and ends as soon as it has found what is sought: for whoever asks whether one change is noticed.
///
/// # Errors
/// As [`audit`].
pub fn audit_until(
    conn: &mut Conn,
    keyring: &Keyring,
    is_sought: &dyn Fn(&Finding) -> bool,
) -> Result<Vec<Finding>, StoreError> {
    run(conn, keyring, &|_did| Vec::new(), is_sought)
}

fn run(
    conn: &mut Conn,
    keyring: &Keyring,
    keys: Keys<'_>,
    is_sought: &dyn Fn(&Finding) -> bool,
) -> Result<Vec<Finding>, StoreError> {
    let sealer = Sealer::for_service(keyring, SERVICE);
    let writer = Writer::new(
        PayConfig::default().chain,
        keyring.clone(),
        sealer.clone(),
        Env::system(),
    );
    let mut auditor = Auditor {
        keyring: keyring.clone(),
        sealer,
        findings: Vec::new(),
        sales: BTreeMap::new(),
        days: BTreeMap::new(),
        flows: BTreeMap::new(),
        pending: BTreeMap::new(),
        shares: 0,
        refund_entries: 0,
        money_messages: 0,
        payout_parts: 0,
    };
    conn.transaction(|conn| {
        for step in STEPS {
            step(&mut auditor, conn, &writer, keys)?;
            if auditor.findings.iter().any(is_sought) {
                break;
            }
        }
        Ok::<_, StoreError>(())
    })?;
    let mut findings = auditor.findings;
    findings.sort();
    findings.dedup();
    Ok(findings)
}

type Step = fn(&mut Auditor, &mut Conn, &Writer, Keys<'_>) -> Result<(), StoreError>;

/// What is cheap first: the seals. Some of the later steps count on what the earlier ones have gathered.
const STEPS: [Step; 23] = [
    |auditor, conn, _, _| auditor.sale_seals(conn),
    |auditor, conn, _, _| auditor.other_seals(conn),
    |auditor, conn, _, _| imajin_ledger::audit(conn, &auditor.sealer, &mut auditor.findings),
    |auditor, conn, writer, keys| Ok(imajin_store::audit(conn, writer, keys, &mut auditor.findings).map(drop)?),
    |auditor, conn, _, _| auditor.checkouts_check(conn),
    |auditor, conn, _, _| auditor.visas_check(conn),
    |auditor, conn, _, keys| auditor.remittances_check(conn, keys),
    |auditor, conn, _, _| auditor.messages_check(conn),
    |auditor, conn, _, _| auditor.payments_check(conn),
    |auditor, conn, _, _| auditor.disputes_check(conn),
    |auditor, conn, _, _| auditor.sums_check(conn),
    |auditor, conn, _, _| auditor.payouts_check(conn),
    |auditor, conn, _, _| auditor.solana_check(conn),
    |auditor, conn, _, _| auditor.receipts_check(conn),
    |auditor, conn, _, _| auditor.refunds_check(conn),
    |auditor, conn, _, _| auditor.reversals_check(conn),
    |auditor, conn, _, _| auditor.sales_check(conn),
    |auditor, conn, _, _| auditor.days_check(conn),
    |auditor, conn, _, keys| auditor.contracts_check(conn, keys),
    |auditor, conn, _, _| auditor.shares_check(conn),
    |auditor, conn, _, _| auditor.fees_check(conn),
    |auditor, conn, _, _| auditor.limits_check(conn),
    |auditor, conn, _, _| auditor.flows_check(conn),
];

/// What receipts and refunds of one asset sum up to.
#[derive(Default, PartialEq, Eq)]
struct SalesTally {
    gross: i64,
    receipts: i64,
    refunds: i64,
}

struct Auditor {
    keyring: Keyring,
    sealer: Sealer,
    findings: Vec<Finding>,
    sales: BTreeMap<String, SalesTally>,
    /// What the receipts of each day sum up to.
    days: BTreeMap<(i64, String), SalesDayRow>,
    /// What the receipts say has gone along distribution contracts, and what of it waits.
    flows: BTreeMap<FlowKey, (i64, i64)>,
    /// What waits for acceptances, by payee and asset.
    pending: BTreeMap<(String, String), i64>,
    /// How many held shares the receipts have.
    shares: i64,
    /// How many entries of refunds there must be.
    refund_entries: i64,
    money_messages: i64,
    payout_parts: i64,
}

impl Auditor {
    fn sale_seals(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        CheckoutRow::audit(conn, &self.sealer, &mut self.findings)?;
        SplitRow::audit(conn, &self.sealer, &mut self.findings)?;
        MessageRow::audit(conn, &self.sealer, &mut self.findings)?;
        PaymentRow::audit(conn, &self.sealer, &mut self.findings)?;
        ReceiptRow::audit(conn, &self.sealer, &mut self.findings)?;
        SalesRow::audit(conn, &self.sealer, &mut self.findings)?;
        SalesDayRow::audit(conn, &self.sealer, &mut self.findings)?;
        ContractRow::audit(conn, &self.sealer, &mut self.findings)?;
        FlowRow::audit(conn, &self.sealer, &mut self.findings)?;
        FeesRow::audit(conn, &self.sealer, &mut self.findings)?;
        ShareRow::audit(conn, &self.sealer, &mut self.findings)?;
        RefundRow::audit(conn, &self.sealer, &mut self.findings)?;
        Ok(ReversalRow::audit(conn, &self.sealer, &mut self.findings)?)
    }

    fn other_seals(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        PayeeRow::audit(conn, &self.sealer, &mut self.findings)?;
        PayoutRow::audit(conn, &self.sealer, &mut self.findings)?;
        PartRow::audit(conn, &self.sealer, &mut self.findings)?;
        DisputeRow::audit(conn, &self.sealer, &mut self.findings)?;
        WalletRow::audit(conn, &self.sealer, &mut self.findings)?;
        RecordRow::audit(conn, &self.sealer, &mut self.findings)?;
        AddressRow::audit(conn, &self.sealer, &mut self.findings)?;
        FactRow::audit(conn, &self.sealer, &mut self.findings)?;
        SumRow::audit(conn, &self.sealer, &mut self.findings)?;
        RoundRow::audit(conn, &self.sealer, &mut self.findings)?;
        DifferenceRow::audit(conn, &self.sealer, &mut self.findings)?;
        VisaRow::audit(conn, &self.sealer, &mut self.findings)?;
        CaptureRow::audit(conn, &self.sealer, &mut self.findings)?;
        PledgeRow::audit(conn, &self.sealer, &mut self.findings)?;
        HomeRow::audit(conn, &self.sealer, &mut self.findings)?;
        SentRow::audit(conn, &self.sealer, &mut self.findings)?;
        ReceivedRow::audit(conn, &self.sealer, &mut self.findings)?;
        Ok(RemittanceLegRow::audit(conn, &self.sealer, &mut self.findings)?)
    }

    fn find(&mut self, table: &str, row: impl Into<String>, problem: impl Into<String>) {
        self.findings.push(Finding::new(SERVICE, table, row, problem));
    }

    /// A row to look at more closely: none when it cannot be read or its seal is broken, which is a finding already.
    fn readable<R: SealedRow>(&self, row: Result<R, Error>) -> Result<Option<R>, StoreError> {
        match row {
            Ok(row) => Ok(Some(row).filter(|row| row.is_intact(&self.sealer))),
            Err(Error::DeserializationError(_) | Error::NotFound) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// What the ledger has; a damaged row is a finding of the ledger's own audit, and is as good as missing here.
fn from_ledger<T>(found: Result<Option<T>, LedgerError>) -> Result<Option<T>, StoreError> {
    match found {
        Ok(found) => Ok(found),
        Err(
            LedgerError::Damaged(_)
            | LedgerError::Store(StoreError::Damaged(_) | StoreError::Database(Error::DeserializationError(_))),
        ) => Ok(None),
        Err(LedgerError::Store(error)) => Err(error),
    }
}

use diesel::prelude::*;
use imajin_kernel::Timestamp;
use imajin_store::sealed_row;
use serde::Serialize;

use crate::schema::{differences, rail_facts, rail_sums, reconcile_rounds};

/// Something that a rail says that it has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = rail_facts, primary_key(rail, kind, reference))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct FactRow {
    pub(crate) rail: String,
    pub(crate) kind: String,
    /// The rail's own reference.
    pub(crate) reference: String,
    /// What it is about.
    pub(crate) about: String,
    pub(crate) happened_at: Timestamp,
    pub(crate) asset: String,
    pub(crate) amount: i64,
    /// See [`imajin_rails::RailFact::extra`].
    pub(crate) extra: Option<i64>,
    pub(crate) state: String,
    /// When it was last other than before.
    pub(crate) seen_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(FactRow, rail_facts, "rail_facts", key = (rail, kind, reference));

/// What the facts of a rail sum up to.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = rail_sums, primary_key(rail, asset))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct SumRow {
    pub(crate) rail: String,
    pub(crate) asset: String,
    /// What the rail should hold.
    pub(crate) held: i64,
    /// What went to the operator's own bank.
    pub(crate) withdrawn: i64,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(SumRow, rail_sums, "rail_sums", key = (rail, asset));

/// How far a reconciliation is.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = reconcile_rounds, primary_key(scope))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct RoundRow {
    /// `rail:<name>` or `ledger`.
    pub(crate) scope: String,
    /// What is being compared; `done` after the last.
    pub(crate) phase: String,
    /// Where to go on.
    pub(crate) cursor: Option<String>,
    /// From when on the rail was asked.
    pub(crate) since: Timestamp,
    pub(crate) started_at: Timestamp,
    /// When the last round that came to its end did.
    pub(crate) finished_at: Option<Timestamp>,
    /// How many things this round has compared.
    pub(crate) checked: i64,
    /// Why it does not get on.
    pub(crate) problem: Option<String>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(RoundRow, reconcile_rounds, "reconcile_rounds", key = (scope));

/// A difference.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = differences, primary_key(scope, subject, kind, first_seen_at))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct DifferenceRow {
    pub(crate) scope: String,
    /// What it is about, for example `payment/pi_1`.
    pub(crate) subject: String,
    pub(crate) kind: String,
    pub(crate) first_seen_at: Timestamp,
    pub(crate) last_seen_at: Timestamp,
    pub(crate) resolved_at: Option<Timestamp>,
    pub(crate) asset: Option<String>,
    /// What it should be.
    pub(crate) expected: Option<i64>,
    /// What it is.
    pub(crate) found: Option<i64>,
    /// One sentence.
    pub(crate) detail: String,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(
    DifferenceRow,
    differences,
    "differences",
    key = (scope, subject, kind, first_seen_at)
);

//! What others have made of what somebody allows.

use diesel::prelude::*;
use imajin_consent::Declaration;
use imajin_did::Did;
use imajin_mjn::Evidence;
use imajin_proof::digest::sha256_hex;
use imajin_query_api::{UseKind, UseView};
use imajin_store::{Conn, SealedRow};

use super::questions::QuestionPlaced;
use crate::QueryError;
use crate::context::Context;
use crate::rows::{QuestionRow, QuestionState, UseRow};
use crate::schema::{questions, uses};

/// As many uses of each kind are shown.
const LIST_ROWS: i64 = 100;

/// The uses, the newest first.
pub(crate) fn uses_of(conn: &mut Conn, context: &Context, owner: &Did) -> Result<Vec<UseView>, QueryError> {
    let answers: Vec<QuestionRow> = questions::table
        .filter(questions::leader_did.eq(owner))
        .filter(questions::state.eq(QuestionState::Settled.as_str()))
        .order_by((questions::created_at.desc(), questions::id))
        .limit(LIST_ROWS)
        .select(QuestionRow::as_select())
        .load(conn)?;
    let told: Vec<UseRow> = uses::table
        .filter(uses::owner_did.eq(owner))
        .order_by((uses::created_at.desc(), uses::id.desc()))
        .limit(LIST_ROWS)
        .select(UseRow::as_select())
        .load(conn)?;
    let answers = answers
        .into_iter()
        .map(|row| answer_view(&row.intact(&context.sealer)?));
    let told = told.into_iter().map(|row| row.intact(&context.sealer)?.view());
    let mut all: Vec<UseView> = answers.chain(told).collect::<Result<_, _>>()?;
    all.sort_by_key(|used| std::cmp::Reverse(used.at));
    Ok(all)
}

/// An answer from somebody's documents, by the declaration that came with the question.
fn answer_view(row: &QuestionRow) -> Result<UseView, QueryError> {
    let declared = QuestionPlaced::of(row)?.evidence;
    let (purpose, declaration) = declared_as(&declared)
        .ok_or_else(|| QueryError::damaged(QuestionRow::TABLE, &row.id, "its declaration cannot be read"))?;
    Ok(UseView {
        id: row.id.to_string(),
        kind: UseKind::Answer,
        by: row.owner_did.clone(),
        purpose,
        fields: Vec::new(),
        grants: Vec::new(),
        declaration,
        receipt: row.receipt_id.map(|id| id.to_string()),
        document: None,
        at: row.created_at,
    })
}

/// The use that was declared, and the SHA-256 of the declaration.
fn declared_as(evidence: &Evidence) -> Option<(String, String)> {
    let declaration = Declaration::from_value(evidence.consent.clone()).ok()?;
    let digest = sha256_hex(&declaration.canonical_bytes().ok()?);
    Some((declaration.intended_use().as_str().to_owned(), digest))
}

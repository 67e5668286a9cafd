use diesel::prelude::*;
use imajin_connections_api::statement::Fact;
use imajin_connections_api::{FlagLevel, Proven, StatementKind, StatementStatus, StatementView};
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_kernel::id::StatementId;
use imajin_store::sealed_row;
use imajin_trust_graph::{Edge, Severity, Tie, Weight};
use serde::Serialize;

use super::TieRow;
use crate::ConnectionsError;
use crate::schema::statements;

/// What somebody has signed about somebody else.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = statements, primary_key(id))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct StatementRow {
    pub(crate) id: StatementId,
    pub(crate) digest: String,
    pub(crate) kind: String,
    pub(crate) owner_did: Did,
    pub(crate) subject_did: Did,
    pub(crate) number: i64,
    pub(crate) expires_at: Option<Timestamp>,
    /// As its owner signed it; of an invitation it is the invitation.
    pub(crate) document: String,
    pub(crate) acceptance: Option<String>,
    pub(crate) revocation: Option<String>,
    /// The statement that has taken its place.
    pub(crate) replaced_by: Option<StatementId>,
    /// The invitation that it came by.
    pub(crate) invite: Option<String>,
    /// What is said of whom; empty once it does not stand any more.
    pub(crate) tie: Option<String>,
    pub(crate) seq: i64,
    /// What authorised the latest change: the request's signature, or `import`.
    pub(crate) proof: String,
    pub(crate) created_at: Timestamp,
    pub(crate) accepted_at: Option<Timestamp>,
    pub(crate) deleted_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
    /// Who has brought it from another node, which is counted.
    pub(crate) brought_by: Option<Did>,
}

sealed_row!(StatementRow, statements, "statements", key = (id));

/// What is said of whom, as one text: there is one standing statement of it at a time.
pub(crate) fn tie_name(kind: StatementKind, from: &Did, to: &Did) -> String {
    let (first, second) = if kind.is_mutual() && to < from {
        (to, from)
    } else {
        (from, to)
    };
    format!("{} {first} {second}", kind.as_str())
}

/// The tie of the graph.
pub(crate) fn tie_of(kind: &str, number: i64) -> Option<Tie> {
    let number = u32::try_from(number).ok()?;
    Some(match kind.parse::<StatementKind>().ok()? {
        StatementKind::Connection => Tie::Connection,
        StatementKind::CoPresence => Tie::CoPresence,
        StatementKind::Vouch => Tie::Vouch(Weight::from_millionths(number)?),
        StatementKind::Flag => Tie::Flag(match FlagLevel::of_number(number)? {
            FlagLevel::Yellow => Severity::Yellow,
            FlagLevel::Amber => Severity::Amber,
            FlagLevel::Red => Severity::Red,
        }),
    })
}

impl StatementRow {
    fn damaged(&self) -> ConnectionsError {
        ConnectionsError::damaged("statements", &self.id, "it cannot be read")
    }

    pub(crate) fn kind(&self) -> Result<StatementKind, ConnectionsError> {
        self.kind.parse().map_err(|_error| self.damaged())
    }

    /// The documents as they were signed.
    pub(crate) fn proven(&self) -> Result<Proven, ConnectionsError> {
        let read = |text: &String| super::message(text).map_err(|_error| self.damaged());
        Ok(Proven {
            document: read(&self.document)?,
            acceptance: self.acceptance.as_ref().map(read).transpose()?,
            revocation: self.revocation.as_ref().map(read).transpose()?,
        })
    }

    /// What the documents say.
    pub(crate) fn fact(&self) -> Result<Fact, ConnectionsError> {
        self.proven()?.read().map_err(|_error| self.damaged())
    }

    /// Whether it makes a tie; whether the tie's time is over is not looked at.
    pub(crate) fn counts(&self) -> bool {
        let is_complete = self.acceptance.is_some() || !self.kind.parse().is_ok_and(StatementKind::is_mutual);
        self.deleted_at.is_none() && is_complete
    }

    /// The row that stands for it in the graph.
    pub(crate) fn tie_row(&self) -> TieRow {
        TieRow {
            statement: self.id,
            kind: self.kind.clone(),
            from_did: self.owner_did.to_string(),
            to_did: self.subject_did.to_string(),
            number: self.number,
            expires_at: self.expires_at,
            row_seal: Vec::new(),
        }
    }

    /// The tie as the graph has it.
    pub(crate) fn edge(&self) -> Result<Edge, ConnectionsError> {
        Ok(Edge {
            from: self.owner_did.clone(),
            to: self.subject_did.clone(),
            tie: tie_of(&self.kind, self.number).ok_or_else(|| self.damaged())?,
            until: self.expires_at,
            statement: imajin_trust_graph::StatementId(*self.id.as_bytes()),
        })
    }

    pub(crate) fn status(&self, now: Timestamp) -> StatementStatus {
        if self.replaced_by.is_some() {
            StatementStatus::Replaced
        } else if self.deleted_at.is_some() {
            StatementStatus::Revoked
        } else if !self.counts() {
            StatementStatus::Pending
        } else if self.expires_at.is_some_and(|ends| ends <= now) {
            StatementStatus::Expired
        } else {
            StatementStatus::Active
        }
    }

    pub(crate) fn view(&self, now: Timestamp, token: String) -> Result<StatementView, ConnectionsError> {
        let kind = self.kind()?;
        let number = u32::try_from(self.number).map_err(|_error| self.damaged())?;
        Ok(StatementView {
            id: self.id,
            digest: self.digest.clone(),
            kind,
            from: self.owner_did.clone(),
            to: self.subject_did.clone(),
            weight_millionths: (kind == StatementKind::Vouch).then_some(number),
            level: FlagLevel::of_number(number).filter(|_level| kind == StatementKind::Flag),
            expires_at: self.expires_at,
            status: self.status(now),
            created_at: self.created_at,
            proof: self.proven()?,
            token,
        })
    }
}

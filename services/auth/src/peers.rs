//! Which nodes this one talks to: what its configuration says, and what its operator has added.
//!
//! | who asks | where |
//! |---|---|
//! | every request to an address that a stranger named | [`imajin_web::GuardedClient`], before it is sent |
//! | every request that somebody signs | the look-up of the caller's keys |
//! | witnesses, and homes whose key logs are followed | `key_log` |
//! | copies of directories, and whatever else knows a node by its DID | [`imajin_web::Identities::peer_check`] |
//!
//! A block wins over everything else. Without `only_listed` everybody else is welcome; with it, only those that are
//! allowed, and those that the configuration names for something.

use std::sync::Arc;

use async_trait::async_trait;
use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::{Code, Problem};
use imajin_store::mutation::{self, Logged};
use imajin_store::{Conn, Db, Finding, SealedRow, Sealer, for_update, intact_all};
use imajin_web::{PeerAsked, PeerPolicy};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::AuthError;
use crate::audit::finding;
use crate::auth::Auth;
use crate::log::{Authority, mutation_record};
use crate::peer_names::{name_parse, names_of};
use crate::rows::PeerRuleRow;
use crate::schema::peer_rules;

pub(crate) const ACTION_SET: &str = "peer.set";
pub(crate) const ACTION_FORGET: &str = "peer.forget";
/// Rules of one node.
const RULES_MAX: i64 = 10_000;
const REASON_CHARS_MAX: usize = 200;

/// What the configuration says about other nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeersOptions {
    /// Whether this node talks to nobody but those that are allowed.
    pub only_listed: bool,
    /// Nodes that are allowed: DIDs, hosts, `*.host`.
    pub allow: Vec<String>,
    /// Nodes that are blocked.
    pub block: Vec<String>,
}

impl PeersOptions {
    /// What is wrong with the names in it, if anything is.
    ///
    /// # Errors
    /// The sentence for the person who wrote them.
    pub fn check(&self) -> Result<(), String> {
        let mut names = self.allow.iter().chain(&self.block);
        names.try_for_each(|name| name_parse(name).map(drop).map_err(|problem| problem.detail))
    }
}

/// What is said about a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// This node talks to it.
    Allow,
    /// It does not.
    Block,
}

impl Verdict {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Block => "block",
        }
    }
}

/// What the operator signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RuleBody {
    /// A DID, a host with or without a port (`node.example`), or all beneath one (`*.node.example`).
    pub(crate) name: String,
    /// `allow` or `block`.
    pub(crate) verdict: Verdict,
    /// Why; whoever is refused reads it. At most 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// What the operator signs to take a rule back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ForgetBody {
    /// Whose rule.
    pub(crate) name: String,
}

/// Asks the configuration and the operator's list.
pub(crate) struct PeerRules {
    pub(crate) db: Db,
    pub(crate) sealer: Sealer,
    pub(crate) options: PeersOptions,
}

fn refused(reason: Option<&str>) -> Problem {
    let why = reason.map_or_else(
        || "The operator of this node has blocked that one.".to_owned(),
        |reason| format!("The operator of this node has blocked that one: {reason}"),
    );
    Problem::new(Code::Forbidden, why).hint("Ask the operator of this node.")
}

fn unlisted() -> Problem {
    Problem::new(
        Code::Forbidden,
        "This node talks only to nodes that its operator has allowed.",
    )
    .hint("Ask the operator of this node to allow yours.")
}

impl PeerRules {
    /// Whether somebody is blocked, by whatever name; an intact word of the operator, or the configuration.
    async fn judged(&self, peer: &PeerAsked) -> Result<Option<Verdict>, Problem> {
        let names = names_of(peer);
        let listed = |list: &[String]| {
            let list = list.iter().filter_map(|name| name_parse(name).ok());
            list.into_iter().any(|name| names.contains(&name))
        };
        if listed(&self.options.block) {
            return Err(refused(None));
        }
        let is_allowed = listed(&self.options.allow);
        let sealer = self.sealer.clone();
        let rows = self.db.read(move |conn| rules_named(conn, &sealer, &names)).await?;
        if let Some(block) = rows.iter().find(|row| row.verdict == Verdict::Block.as_str()) {
            return Err(refused(block.reason.as_deref()));
        }
        Ok((is_allowed || !rows.is_empty()).then_some(Verdict::Allow))
    }

    /// Whether somebody may speak here at all, person or node: everybody who is not blocked.
    pub(crate) async fn caller_check(&self, did: &Did) -> Result<(), Problem> {
        self.judged(&PeerAsked::did(did)).await.map(drop)
    }
}

#[async_trait]
impl PeerPolicy for PeerRules {
    async fn peer_check(&self, peer: &PeerAsked) -> Result<(), Problem> {
        match self.judged(peer).await? {
            None if self.options.only_listed => Err(unlisted()),
            _welcome => Ok(()),
        }
    }
}

fn rules_named(conn: &mut Conn, sealer: &Sealer, names: &[String]) -> Result<Vec<PeerRuleRow>, AuthError> {
    let rows: Vec<PeerRuleRow> = peer_rules::table
        .filter(peer_rules::name.eq_any(names.to_vec()))
        .filter(peer_rules::deleted_at.is_null())
        .select(PeerRuleRow::as_select())
        .load(conn)?;
    Ok(intact_all(rows, sealer)?)
}

impl Auth {
    /// Which nodes this one talks to.
    pub fn peer_policy(&self) -> Arc<dyn PeerPolicy> {
        Arc::<PeerRules>::clone(&self.peer_rules)
    }

    /// The operator's rules, by name.
    pub(crate) async fn peer_rules_list(&self) -> Result<Vec<PeerRuleRow>, AuthError> {
        let sealer = self.sealer.clone();
        self.db
            .read(move |conn| {
                let rows: Vec<PeerRuleRow> = peer_rules::table
                    .filter(peer_rules::deleted_at.is_null())
                    .order(peer_rules::name)
                    .limit(RULES_MAX)
                    .select(PeerRuleRow::as_select())
                    .load(conn)?;
                Ok(intact_all(rows, &sealer)?)
            })
            .await
    }

    /// Keeps what the operator says about a node; `raw` is what is signed.
    pub(crate) async fn peer_rule_set(
        &self,
        body: RuleBody,
        owner: &Did,
        raw: Vec<u8>,
        authority: Authority,
    ) -> Result<PeerRuleRow, AuthError> {
        let name = name_parse(&body.name)?;
        let own = [PeerAsked::did(self.keyring.node_did()), PeerAsked::host(&self.public.0)];
        if body.verdict == Verdict::Block && own.iter().any(|own| names_of(own).contains(&name)) {
            return Err(Problem::invalid("That is this node itself.").into());
        }
        let reason = body
            .reason
            .map(|reason| reason.trim().to_owned())
            .filter(|reason| !reason.is_empty());
        if reason
            .as_ref()
            .is_some_and(|reason| reason.chars().count() > REASON_CHARS_MAX)
        {
            return Err(Problem::invalid(format!("reason: at most {REASON_CHARS_MAX} characters.")).into());
        }
        let row = PeerRuleRow {
            name,
            verdict: body.verdict.as_str().to_owned(),
            reason,
            owner_did: owner.clone(),
            proof: String::new(),
            created_at: self.env.now(),
            deleted_at: None,
            row_seal: Vec::new(),
        };
        let auth = self.writing();
        self.write_contended(move |conn| {
            let mut row = row.clone();
            let known = rule_lock(conn, &auth.sealer, &row.name)?;
            let living: i64 = peer_rules::table
                .filter(peer_rules::deleted_at.is_null())
                .count()
                .get_result(conn)?;
            if living >= RULES_MAX && known.is_none() {
                let text = format!("There are {RULES_MAX} rules already; take some back.");
                return Err(Problem::new(Code::Conflict, text).into());
            }
            let (owner, object) = (row.owner_did.clone(), object_of(&row.name));
            row.proof = mutation_record(conn, &auth, &owner, ACTION_SET, &object, raw.clone(), &authority)?;
            match known {
                Some(_before) => Ok(row.save(conn, &auth.sealer)?),
                None => Ok(row.insert(conn, &auth.sealer)?),
            }
        })
        .await
    }

    /// Takes a rule back.
    pub(crate) async fn peer_rule_forget(
        &self,
        body: &ForgetBody,
        owner: &Did,
        raw: Vec<u8>,
        authority: Authority,
    ) -> Result<(), AuthError> {
        let (auth, owner, name) = (self.writing(), owner.clone(), name_parse(&body.name)?);
        self.db
            .write(move |conn| {
                let known = rule_lock(conn, &auth.sealer, &name)?.filter(|row| row.deleted_at.is_none());
                let mut row = known.ok_or_else(|| Problem::not_found("rule about that node"))?;
                let object = object_of(&name);
                row.proof = mutation_record(conn, &auth, &owner, ACTION_FORGET, &object, raw.clone(), &authority)?;
                row.owner_did = owner.clone();
                row.deleted_at = Some(auth.env.now());
                row.save(conn, &auth.sealer)?;
                Ok::<_, AuthError>(())
            })
            .await
    }
}

fn object_of(name: &str) -> String {
    format!("peer/{name}")
}

fn rule_lock(conn: &mut Conn, sealer: &Sealer, name: &str) -> Result<Option<PeerRuleRow>, AuthError> {
    let row: Option<PeerRuleRow> = for_update!(
        conn,
        peer_rules::table.find(name.to_owned()).select(PeerRuleRow::as_select()) => first
    )
    .optional()?;
    Ok(row.map(|row| row.intact(sealer)).transpose()?)
}

/// Each rule is what the operator has signed last about that node.
pub(crate) fn peer_rules_audit(conn: &mut Conn, findings: &mut Vec<Finding>) -> QueryResult<()> {
    let rows: Vec<PeerRuleRow> = peer_rules::table.select(PeerRuleRow::as_select()).load(conn)?;
    for row in rows {
        let logged = mutation::last_body(conn, &object_of(&row.name))?;
        if !logged.is_some_and(|logged| rule_fits(&row, &logged)) {
            findings.push(finding(
                "peer_rules",
                &row.name,
                "it is not what the operator has signed",
            ));
        }
    }
    Ok(())
}

fn rule_fits(row: &PeerRuleRow, logged: &Logged) -> bool {
    if logged.owner_did != row.owner_did.as_str() {
        return false;
    }
    match logged.action.as_str() {
        ACTION_FORGET => row.deleted_at.is_some(),
        ACTION_SET => {
            // An erased body leaves nothing to compare with.
            let Some(body) = &logged.body else {
                return row.deleted_at.is_none();
            };
            let said = serde_json::from_slice::<RuleBody>(body).ok();
            row.deleted_at.is_none()
                && said.is_some_and(|said| {
                    let reason = said
                        .reason
                        .map(|reason| reason.trim().to_owned())
                        .filter(|text| !text.is_empty());
                    name_parse(&said.name).is_ok_and(|name| name == row.name)
                        && said.verdict.as_str() == row.verdict
                        && reason == row.reason
                })
        }
        _ => false,
    }
}

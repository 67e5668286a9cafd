//! The visited node: somebody comes back from home with a statement.

use std::sync::Arc;

use diesel::prelude::*;
use imajin_did::{Did, PublicKey};
use imajin_kernel::{Code, Problem, Span, Timestamp};
use imajin_key_log::Status;
use imajin_proof::token::{self, Token, TokenError};
use imajin_proof::{ProofError, SignedMessage};
use imajin_store::{Conn, SealedRow, Sealer, nonce};
use imajin_web::resolve::key_log_fetch;
use serde::{Deserialize, Serialize};

use super::peer::Peer;
use super::rows::FederationLinkRow;
use super::visit::Visit;
use super::{LoginPayload, LoginStatement, MESSAGE_TYPE, STATEMENT_LIFETIME};
use crate::AuthError;
use crate::auth::{Auth, Writing};
use crate::identities::{CUSTODY_HOME, Identity, identity_find, kind_parse, name_parse, operator_find};
use crate::key_log::{KeyRefusal, Prepared, mirrored_find, row_apply};
use crate::log::{Authority, mutation_record};
use crate::names::Name;
use crate::rows::{IdentityRow, SessionRow};
use crate::schema::federation_links;
use crate::sessions::{Opened, session_insert};

pub(crate) const ACTION_LINK: &str = "federation.link";
/// A statement is remembered for longer than it counts, clocks included.
const USED_FOR: Span = Span::minutes(15);
/// How often a log is looked at again because it has changed in between.
const ATTEMPTS: usize = 3;
/// How a session was opened.
pub(crate) const METHOD_FEDERATED: &str = "federated";

/// What is logged when somebody comes for the first time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Linked {
    pub(crate) did: Did,
    pub(crate) home: Did,
    pub(crate) home_url: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) name: Option<String>,
}

/// A statement that passed, but for the message in it.
struct Vouched {
    did: Did,
    message: SignedMessage,
    kind: String,
    name: Option<String>,
    jti: String,
    issued_at: Timestamp,
}

fn refused(error: TokenError) -> Problem {
    let text = match error {
        TokenError::WrongAudience => "Your home node's answer is for another node.",
        TokenError::Expired => "Your home node's answer has expired, or its clock is slow.",
        TokenError::NotYetValid => "Your home node's answer is from the future: its clock, or this node's, is wrong.",
        _ => "This is no answer of your home node.",
    };
    Problem::new(Code::BadSignature, text).hint("Sign in once more.")
}

impl Auth {
    /// Checks a statement and opens a session; returns it, and where the person wanted to go.
    pub(crate) async fn visit_finish(
        &self,
        visit: &Visit,
        statement: &str,
        client: Option<String>,
    ) -> Result<Opened, AuthError> {
        let peer = self.peer_resolve(&visit.home).await?;
        let own = self.node_web_did().to_string();
        let key_of = |kid: &str| peer.key_of(kid);
        let read = token::verify::<LoginStatement>(statement, &key_of, peer.did.as_str(), &own, self.env.now());
        let vouched = Arc::new(self.statement_check(visit, &peer, read.map_err(refused)?)?);
        let mut session = self.session_row(&vouched.did, METHOD_FEDERATED, client);
        let peer = Arc::new(peer);
        self.witnesses_ask(&vouched.did).await;
        self.home_follow(&vouched.did, &peer).await?;
        for _attempt in 0..ATTEMPTS {
            let seen = self.home_log(&vouched.did, &peer).await?;
            let key = self.signer_find(&vouched, seen.as_ref()).await?;
            session.opened_by = Some(key.multikey());
            let (auth, row) = (self.writing(), session.clone());
            let (peer, vouched) = (Arc::clone(&peer), Arc::clone(&vouched));
            let admitted = self
                .write_contended(move |conn| visitor_admit(conn, &auth, &peer, &vouched, seen.as_ref(), &row))
                .await;
            match admitted {
                Err(AuthError::Keys(KeyRefusal::Moved)) => {}
                admitted => return self.session_opened(admitted?, &session),
            }
        }
        Err(KeyRefusal::Moved.into())
    }

    /// The version of somebody's key log that their home has, put to what was seen before. The home is a witness of
    /// its own people: nobody else's log gets that far.
    async fn home_log(&self, did: &Did, peer: &Peer) -> Result<Option<Prepared>, AuthError> {
        let (sealer, asked, from) = (self.sealer.clone(), did.clone(), peer.did.clone());
        let standing = self.db.read(move |conn| standing_check(conn, &sealer, &asked, &from));
        let is_linked = standing.await?.is_some();
        let home = peer.origin.parse().map_err(|_error| Problem::internal())?;
        let log = key_log_fetch(&self.peers, &home, did).await.map_err(|error| {
            tracing::info!(%error, %did, %home, "a home's key log could not be read");
            Problem::new(Code::Unavailable, "Your home node does not show the log of your keys.").retry_after_seconds(5)
        })?;
        let Some(log) = log else { return Ok(None) };
        let trusted: Vec<Did> = peer.keys().iter().map(Did::from_key).collect();
        let prepared = self.version_prepare(log, Some(peer.origin.clone()), &trusted).await?;
        prepared.count(&self.followed, self.env.now())?;
        // What the home of a visitor shows is kept, whatever comes of this sign-in; of a stranger it is kept with it.
        if is_linked && prepared.state().status != Status::Active {
            let auth = self.writing();
            self.write_contended(move |conn| prepared.run(conn, &auth)).await?;
            return Ok(None);
        }
        Ok(Some(prepared))
    }

    /// The key that has signed the message, among those that count.
    async fn signer_find(&self, vouched: &Vouched, seen: Option<&Prepared>) -> Result<PublicKey, AuthError> {
        let state = match seen {
            Some(prepared) => prepared.state().clone(),
            None => self.state_known(&vouched.did).await?,
        };
        match state.status {
            Status::Active => {}
            Status::Contested => return Err(KeyRefusal::Contested.into()),
            Status::Deactivated => return Err(AuthError::IdentityDeactivated),
        }
        let (message, now) = (&vouched.message, self.env.now());
        message
            .verify_fresh_any(MESSAGE_TYPE, &state.keys, now)
            .map_err(|error| match error {
                ProofError::BadSignature if is_by_former_key(vouched) => Problem::new(
                    Code::BadSignature,
                    "The key that has signed this does not count any more: it was replaced.",
                )
                .hint("Sign in at home with the present key.")
                .into(),
                error => AuthError::from(error),
            })?;
        let signer = state.keys.iter().find(|key| message.verify(MESSAGE_TYPE, key).is_ok());
        signer.copied().ok_or_else(|| ProofError::BadSignature.into())
    }

    fn statement_check(&self, visit: &Visit, peer: &Peer, token: Token<LoginStatement>) -> Result<Vouched, AuthError> {
        let other = |text: &str| AuthError::from(Problem::new(Code::BadSignature, text).hint("Sign in once more."));
        let Token { standard, claims, .. } = token;
        if claims.nonce != visit.nonce {
            return Err(other("This answer is for another browser, or for an earlier try."));
        }
        if standard.exp.since(standard.iat) > STATEMENT_LIFETIME {
            return Err(other("Your home node's answer would count for too long."));
        }
        let unusable = |_error| other("Your home node's answer is about nobody who can sign in here.");
        let did: Did = standard.sub.parse().map_err(unusable)?;
        // The native form, and a key: which keys count follows from it and from its log, and from nothing else.
        if did.public_key().is_none_or(|key| key.did() != did) {
            return Err(other("Your home node's answer is about nobody who can sign in here."));
        }
        let message = claims.message;
        let payload = LoginPayload {
            home: peer.did.clone(),
            nonce: visit.nonce.clone(),
        };
        let fits = message.from == did
            && message.to.as_ref() == Some(&self.node_web_did())
            && message.payload_as::<LoginPayload>()? == payload;
        if !fits {
            return Err(other("The person has signed something else."));
        }
        Ok(Vouched {
            did,
            message,
            kind: kind_parse(&claims.kind)?,
            name: claims.name.and_then(|name| name_parse(&name).ok()),
            jti: standard.jti,
            issued_at: standard.iat,
        })
    }
}

/// Whether it is the key that the DID is, which is the first that every identity had.
fn is_by_former_key(vouched: &Vouched) -> bool {
    vouched.message.verify_self_certified(MESSAGE_TYPE).is_ok()
}

/// The visitor that this DID is, if it has come before: only from its first home, and only if it is not registered
/// here.
fn standing_check(conn: &mut Conn, sealer: &Sealer, did: &Did, home: &Did) -> Result<Option<Identity>, AuthError> {
    let known = identity_find(conn, sealer, &Name::Native(did.clone()))?;
    match (known, link_find(conn, sealer, did)?) {
        (None, _) => Ok(None),
        (Some(identity), Some(link)) if link.home_did == *home => Ok(Some(identity)),
        (Some(_), Some(_)) => Err(Problem::new(Code::Forbidden, "This identity comes from another node.")
            .hint("Sign in with the node that you came from first. If you have moved, tell it so.")
            .into()),
        (Some(_), None) => Err(Problem::new(Code::Forbidden, "This identity is registered here.")
            .hint("Sign in with its key at /login.")
            .into()),
    }
}

/// Spends the statement, keeps what was seen of the log, finds or makes the visitor, and opens the session: all in one
/// transaction.
fn visitor_admit(
    conn: &mut Conn,
    auth: &Writing,
    peer: &Peer,
    vouched: &Vouched,
    seen: Option<&Prepared>,
    session: &SessionRow,
) -> Result<Identity, AuthError> {
    nonce::spend(conn, &auth.sealer, &peer.did, &vouched.jti, vouched.issued_at, USED_FOR)?;
    let known = standing_check(conn, &auth.sealer, &vouched.did, &peer.did)?;
    if let Some(prepared) = seen {
        prepared.run(conn, auth)?;
    }
    let identity = match known {
        None => visitor_create(conn, auth, peer, vouched)?,
        Some(_as_before) => {
            identity_find(conn, &auth.sealer, &Name::Native(vouched.did.clone()))?.ok_or(AuthError::IdentityUnknown)?
        }
    };
    if identity.deactivated {
        return Err(AuthError::IdentityDeactivated);
    }
    session_insert(conn, auth, session.clone())?;
    Ok(identity)
}

/// The home of somebody who comes from another node, until this one is their home.
pub(crate) fn link_find(conn: &mut Conn, sealer: &Sealer, did: &Did) -> Result<Option<FederationLinkRow>, AuthError> {
    let row: Option<FederationLinkRow> = federation_links::table
        .filter(federation_links::did.eq(did.clone()))
        .filter(federation_links::deleted_at.is_null())
        .select(FederationLinkRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(sealer)).transpose()?)
}

fn visitor_create(conn: &mut Conn, auth: &Writing, peer: &Peer, vouched: &Vouched) -> Result<Identity, AuthError> {
    let did = vouched.did.clone();
    let key = did.public_key().ok_or(AuthError::CallerUnknown)?;
    let linked = Linked {
        did: did.clone(),
        home: peer.did.clone(),
        home_url: peer.origin.clone(),
        kind: vouched.kind.clone(),
        name: vouched.name.clone(),
    };
    let body = serde_json::to_vec(&linked).map_err(|_error| Problem::internal())?;
    let proof = mutation_record(conn, auth, &did, ACTION_LINK, did.as_str(), body, &Authority::Node)?;
    let created_at = auth.env.now();
    let mut row = IdentityRow {
        did: did.clone(),
        public_key: key.to_bytes().to_vec(),
        kind: vouched.kind.clone(),
        handle: None,
        name: vouched.name.clone(),
        custody: CUSTODY_HOME.to_owned(),
        recovery_key: None,
        owner_did: did.clone(),
        proof: proof.clone(),
        created_at,
        deleted_at: None,
        key_state: None,
        row_seal: Vec::new(),
    };
    if let Some((_row, state)) = mirrored_find(conn, &auth.sealer, &did)? {
        row_apply(&mut row, &state)?;
    }
    let row = row.insert(conn, &auth.sealer)?;
    let link = FederationLinkRow {
        did: did.clone(),
        home_did: peer.did.clone(),
        home_url: peer.origin.clone(),
        owner_did: did,
        proof,
        created_at,
        deleted_at: None,
        row_seal: Vec::new(),
    };
    link.insert(conn, &auth.sealer)?;
    let operator = operator_find(conn, &auth.sealer)?;
    Identity::from_row(row, operator.as_ref())
}

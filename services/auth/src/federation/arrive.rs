//! The visited node: somebody comes back from home with a statement.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::{Code, Problem, Span, Timestamp};
use imajin_proof::token::{self, Token, TokenError};
use imajin_store::{Conn, SealedRow, nonce};
use serde::{Deserialize, Serialize};

use super::peer::Peer;
use super::rows::FederationLinkRow;
use super::visit::Visit;
use super::{LoginPayload, LoginStatement, MESSAGE_TYPE, STATEMENT_LIFETIME};
use crate::AuthError;
use crate::auth::{Auth, Writing};
use crate::identities::{CUSTODY_HOME, Identity, identity_find, kind_parse, name_parse, operator_find};
use crate::log::{Authority, mutation_record};
use crate::names::Name;
use crate::rows::{IdentityRow, SessionRow};
use crate::schema::federation_links;
use crate::sessions::{Opened, session_insert};

pub(crate) const ACTION_LINK: &str = "federation.link";
/// A statement is remembered for longer than it counts, clocks included.
const USED_FOR: Span = Span::minutes(15);
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

/// A statement that passed.
struct Vouched {
    did: Did,
    kind: String,
    name: Option<String>,
    jti: String,
    issued_at: Timestamp,
}

fn refused(error: TokenError) -> Problem {
    let text = match error {
        TokenError::WrongAudience => "Your home node's answer is for another node.",
        TokenError::Expired => "Your home node's answer has expired.",
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
        let vouched = self.statement_check(visit, &peer, read.map_err(refused)?)?;
        let session = self.session_row(&vouched.did, METHOD_FEDERATED, client);
        let row = session.clone();
        let (auth, home) = (self.writing(), peer);
        let vouched = std::sync::Arc::new(vouched);
        let identity = self
            .write_contended(move |conn| visitor_admit(conn, &auth, &home, &vouched, &row))
            .await?;
        self.session_opened(identity, &session)
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
        // The native form, and a key: nobody else can have signed the message.
        let key = did.public_key().filter(|key| key.did() == did);
        let key = key.ok_or_else(|| other("Your home node's answer is about nobody who can sign in here."))?;
        let message = &claims.message;
        message.verify_fresh(MESSAGE_TYPE, &key, self.env.now())?;
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
            kind: kind_parse(&claims.kind)?,
            name: claims.name.and_then(|name| name_parse(&name).ok()),
            jti: standard.jti,
            issued_at: standard.iat,
        })
    }
}

/// Spends the statement, finds or makes the visitor, and opens the session: all in one transaction.
fn visitor_admit(
    conn: &mut Conn,
    auth: &Writing,
    peer: &Peer,
    vouched: &Vouched,
    session: &SessionRow,
) -> Result<Identity, AuthError> {
    nonce::spend(conn, &auth.sealer, &peer.did, &vouched.jti, vouched.issued_at, USED_FOR)?;
    let known = identity_find(conn, &auth.sealer, &Name::Native(vouched.did.clone()))?;
    let link = link_find(conn, auth, &vouched.did)?;
    let identity = match (known, link) {
        (None, _) => visitor_create(conn, auth, peer, vouched)?,
        (Some(identity), Some(link)) if link.home_did == peer.did => identity,
        (Some(_), Some(_)) => {
            return Err(Problem::new(Code::Forbidden, "This identity comes from another node.")
                .hint("Sign in with the node that you came from first.")
                .into());
        }
        (Some(_), None) => {
            return Err(Problem::new(Code::Forbidden, "This identity is registered here.")
                .hint("Sign in with its key at /login.")
                .into());
        }
    };
    if identity.deactivated {
        return Err(AuthError::IdentityDeactivated);
    }
    session_insert(conn, auth, session.clone())?;
    Ok(identity)
}

pub(crate) fn link_find(conn: &mut Conn, auth: &Writing, did: &Did) -> Result<Option<FederationLinkRow>, AuthError> {
    let row: Option<FederationLinkRow> = federation_links::table
        .find(did.clone())
        .select(FederationLinkRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(&auth.sealer)).transpose()?)
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
    let row = IdentityRow {
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

//! Moving to another node: the old home says where somebody went, by their own signed word.
//!
//! The DID stays, because it is a key and not a place. What the old home does from then on: its document of the DID
//! names the new home, its pages lead there, and it signs nobody in elsewhere. A node where somebody was known as a
//! visitor of the old home takes them from the new one as soon as the old one confirms it: a stolen key alone moves
//! nobody.

use diesel::prelude::*;
use imajin_did::{Did, DidDocument, Service};
use imajin_kernel::{Code, Problem};
use imajin_proof::SignedMessage;
use imajin_store::mutation::{self, Logged};
use imajin_store::{Conn, Finding, SealedRow, Sealer, for_update};
use imajin_web::{Custody, Verified};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::AuthError;
use crate::audit::finding;
use crate::auth::{Auth, Writing};
use crate::federation::arrive::{ACTION_LINK, Linked, link_find};
use crate::federation::peer::Peer;
use crate::identities::{Identity, identity_find};
use crate::log::{Authority, mutation_record};
use crate::names::Name;
use crate::rows::MoveRow;
use crate::schema::moves;

pub(crate) const ACTION: &str = "identity.move";
/// The type of the message that a person signs.
pub(crate) const MESSAGE_TYPE: &str = "move";
/// The largest answer that is read of another node.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// What the person signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct MovePayload {
    /// The did:web of the node that they leave.
    pub(crate) from: Did,
    /// That of the new home; the one that they leave, to come back.
    pub(crate) to: Did,
}

fn refused(text: &str, hint: &str) -> AuthError {
    Problem::new(Code::Conflict, text).hint(hint.to_owned()).into()
}

/// Whoever is at home here with a key of their own can move.
fn mover_check(identity: &Identity, did: &Did) -> Result<(), AuthError> {
    let is_at_home = identity.custody == Custody::Own && !identity.home_elsewhere && !identity.deactivated;
    if identity.did == *did && is_at_home {
        return Ok(());
    }
    let text = "Only somebody who is at home here, with a key of their own, moves from here.";
    Err(refused(text, "Move from the node where your keys are kept."))
}

impl Auth {
    /// Keeps where somebody went, or that they came back; the row as it is then.
    pub(crate) async fn move_set(
        &self,
        verified: &Verified,
        message: &SignedMessage,
        raw: Vec<u8>,
    ) -> Result<MoveRow, AuthError> {
        let did = verified.did().clone();
        let payload: MovePayload = message.payload_as()?;
        if message.from.canonical() != did {
            return Err(Problem::new(Code::Forbidden, "The message is of somebody else than who sends it.").into());
        }
        let own = self.node_web_did();
        if payload.from != own {
            return Err(Problem::invalid("The message is about leaving another node.").into());
        }
        let keys = self.state_known(&did).await?.keys;
        message.verify_fresh_any(MESSAGE_TYPE, &keys, self.env.now())?;
        let is_back = payload.to == own;
        let to_url = if is_back {
            self.public.origin()
        } else {
            self.new_home(&did, &payload.to).await?
        };
        let row = MoveRow {
            did: did.clone(),
            to_did: payload.to,
            to_url,
            message: serde_json::to_string(message).map_err(|_error| Problem::internal())?,
            owner_did: did,
            proof: String::new(),
            created_at: self.env.now(),
            deleted_at: is_back.then(|| self.env.now()),
            row_seal: Vec::new(),
        };
        let (auth, authority) = (self.writing(), Authority::Signed(verified.proof().clone()));
        self.write_contended(move |conn| move_write(conn, &auth, row.clone(), raw.clone(), &authority))
            .await
    }

    /// The origin of the new home, which must know the person: nobody is sent where they are not.
    async fn new_home(&self, did: &Did, to: &Did) -> Result<String, AuthError> {
        let peer = self.peer_resolve(to).await?;
        let url: Url = format!("{}/auth/api/lookup/{did}", peer.origin)
            .parse()
            .map_err(|_error| Problem::internal())?;
        let answer = self.peers.get(url, "application/json", ANSWER_BYTES_MAX).await;
        if answer.is_ok_and(|answer| answer.status.is_success()) {
            return Ok(peer.origin);
        }
        Err(refused(
            "You are not registered at the new node yet.",
            "Register there first, with the same key.",
        ))
    }

    /// Where somebody went who was at home here.
    pub(crate) async fn move_find(&self, did: &Did) -> Result<Option<MoveRow>, AuthError> {
        let (did, sealer) = (did.canonical(), self.sealer.clone());
        self.db.read(move |conn| move_find(conn, &sealer, &did)).await
    }

    /// Makes a document name the new home.
    pub(crate) async fn document_moved(&self, did: &Did, document: &mut DidDocument) -> Result<(), AuthError> {
        if let Some(moved) = self.move_find(did).await? {
            document.service = vec![Service::new("mjn", "MJNNode", &format!("{}/mjn", moved.to_url))];
        }
        Ok(())
    }

    /// Somebody who has come from another home before: whether that one says that they have moved to this one now, by
    /// their own word.
    pub(crate) async fn home_follow(&self, did: &Did, peer: &Peer) -> Result<(), AuthError> {
        let (asked, sealer) = (did.clone(), self.sealer.clone());
        let link = self.db.read(move |conn| link_find(conn, &sealer, &asked)).await?;
        let Some(link) = link.filter(|link| link.home_did != peer.did && link.deleted_at.is_none()) else {
            return Ok(());
        };
        // Without a word of the former home the caller is refused as anybody who comes from elsewhere.
        let Some(message) = self.move_told(did, &link.home_url).await else {
            return Ok(());
        };
        let keys = self.state_known(did).await?.keys;
        let fits = message.from.canonical() == *did
            && message
                .payload_as::<MovePayload>()
                .is_ok_and(|said| said.from == link.home_did && said.to == peer.did)
            && keys.iter().any(|key| message.verify(MESSAGE_TYPE, key).is_ok());
        if !fits {
            return Ok(());
        }
        let (auth, did) = (self.writing(), did.clone());
        let (home_did, home_url) = (peer.did.clone(), peer.origin.clone());
        self.db
            .write(move |conn| home_write(conn, &auth, &did, (&home_did, &home_url)))
            .await
    }

    /// What the former home says; whether it is believed is for the signature in it to say.
    async fn move_told(&self, did: &Did, home_url: &str) -> Option<SignedMessage> {
        let url: Url = format!("{home_url}/auth/api/identity/{did}/move").parse().ok()?;
        let answer = self.peers.get(url, "application/json", ANSWER_BYTES_MAX).await;
        let answer = answer.inspect_err(|error| tracing::info!(%error, %did, home_url, "a former home was not asked"));
        let told: Told = serde_json::from_slice(&answer.ok().filter(|answer| answer.status.is_success())?.body).ok()?;
        Some(told.message)
    }
}

/// What a node says about somebody who has moved.
#[derive(Debug, Deserialize)]
struct Told {
    message: SignedMessage,
}

pub(crate) fn move_find(conn: &mut Conn, sealer: &Sealer, did: &Did) -> Result<Option<MoveRow>, AuthError> {
    let row: Option<MoveRow> = moves::table
        .filter(moves::did.eq(did.clone()).and(moves::deleted_at.is_null()))
        .select(MoveRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(sealer)).transpose()?)
}

fn move_write(
    conn: &mut Conn,
    auth: &Writing,
    mut row: MoveRow,
    raw: Vec<u8>,
    authority: &Authority,
) -> Result<MoveRow, AuthError> {
    let identity = identity_find(conn, &auth.sealer, &Name::Native(row.did.clone()))?;
    mover_check(&identity.ok_or(AuthError::IdentityUnknown)?, &row.did)?;
    let known: Option<MoveRow> = for_update!(
        conn,
        moves::table.find(row.did.clone()).select(MoveRow::as_select()) => first
    )
    .optional()?;
    let known = known.map(|known| known.intact(&auth.sealer)).transpose()?;
    let object = object_of(&row.did);
    row.proof = mutation_record(conn, auth, &row.owner_did, ACTION, &object, raw, authority)?;
    Ok(match known {
        Some(_before) => row.save(conn, &auth.sealer)?,
        None => row.insert(conn, &auth.sealer)?,
    })
}

fn home_write(conn: &mut Conn, auth: &Writing, did: &Did, (home_did, home_url): (&Did, &str)) -> Result<(), AuthError> {
    let Some(mut link) = link_find(conn, &auth.sealer, did)? else {
        return Ok(());
    };
    let before = mutation::last_body(conn, did.as_str())?.and_then(|logged| logged.body);
    let before = before.and_then(|body| serde_json::from_slice::<Linked>(&body).ok());
    let before = before.ok_or_else(|| AuthError::Row(format!("federation_links {did}")))?;
    let linked = Linked {
        home: home_did.clone(),
        home_url: home_url.to_owned(),
        ..before
    };
    let body = serde_json::to_vec(&linked).map_err(|_error| Problem::internal())?;
    link.proof = mutation_record(conn, auth, did, ACTION_LINK, did.as_str(), body, &Authority::Node)?;
    link.home_did = linked.home;
    link.home_url = linked.home_url;
    link.save(conn, &auth.sealer)?;
    Ok(())
}

fn object_of(did: &Did) -> String {
    format!("move/{did}")
}

/// Each move is what its person has signed last.
pub(crate) fn moves_audit(conn: &mut Conn, findings: &mut Vec<Finding>) -> QueryResult<()> {
    let rows: Vec<MoveRow> = moves::table.select(MoveRow::as_select()).load(conn)?;
    for row in rows {
        let logged = mutation::last_body(conn, &object_of(&row.did))?;
        if !logged.is_some_and(|logged| move_fits(&row, &logged)) {
            findings.push(finding(
                "moves",
                row.did.as_str(),
                "it is not what the person has signed",
            ));
        }
    }
    Ok(())
}

fn move_fits(row: &MoveRow, logged: &Logged) -> bool {
    let Ok(message) = serde_json::from_str::<SignedMessage>(&row.message) else {
        return false;
    };
    let is_logged = logged
        .body
        .as_ref()
        .is_none_or(|body| serde_json::from_slice::<SignedMessage>(body).is_ok_and(|said| said == message));
    let said = message.payload_as::<MovePayload>();
    logged.action == ACTION
        && logged.owner_did == row.did.as_str()
        && row.owner_did == row.did
        && is_logged
        && said.is_ok_and(|said| said.to == row.to_did && (said.to == said.from) == row.deleted_at.is_some())
}

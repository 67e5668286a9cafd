//! Moving to another node: the old home says where somebody went, by their own signed word.
//!
//! The DID stays, because it is a key and not a place. What the old home does from then on: its document of the DID
//! names the new home, its pages lead there, it signs nobody in elsewhere, and it follows the log of their keys there.
//! What other nodes make of it is in `new_home`.

use diesel::prelude::*;
use imajin_did::{Did, DidDocument, Service};
use imajin_kernel::{Code, Problem};
use imajin_proof::SignedMessage;
use imajin_store::mutation::{self, Logged};
use imajin_store::{Conn, Finding, SealedRow, Sealer, for_update};
use imajin_web::{Custody, Tier, Verified};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::AuthError;
use crate::audit::finding;
use crate::auth::{Auth, Writing};
use crate::identities::{Identity, identity_find};
use crate::log::{Authority, mutation_record};
use crate::names::Name;
use crate::rows::MoveRow;
use crate::schema::moves;

pub(crate) const ACTION: &str = "identity.move";
/// The type of the message that a person signs.
pub(crate) const MESSAGE_TYPE: &str = "move";
/// The largest answer that is read of another node.
pub(crate) const ANSWER_BYTES_MAX: usize = 64 * 1024;

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

/// What the new node says about somebody.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Known {
    did: Did,
    tier: Tier,
    #[serde(default)]
    moved_to: Option<String>,
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
        let answer = answer.ok().filter(|answer| answer.status.is_success());
        let known = answer.and_then(|answer| serde_json::from_slice::<Known>(&answer.body).ok());
        let Some(known) = known.filter(|known| known.did.canonical() == *did && known.tier != Tier::Visitor) else {
            return Err(refused(
                "You are not registered at the new node yet.",
                "Register there first, with the same key.",
            ));
        };
        match known.moved_to.filter(|further| *further != self.public.origin()) {
            Some(further) => Err(refused(
                &format!("You have moved on from there, to {further}."),
                "Move to that node, or come back to the one that you named first.",
            )),
            None => Ok(peer.origin),
        }
    }

    /// Where somebody went who was at home here.
    pub(crate) async fn move_find(&self, did: &Did) -> Result<Option<MoveRow>, AuthError> {
        let (did, sealer) = (did.canonical(), self.sealer.clone());
        self.db.read(move |conn| move_find(conn, &sealer, &did)).await
    }

    /// The same, for a name that others give.
    pub(crate) async fn move_of(&self, name: &str) -> Result<Option<MoveRow>, AuthError> {
        let (name, sealer) = (Name::parse(name), self.sealer.clone());
        self.db
            .read(move |conn| match identity_find(conn, &sealer, &name)? {
                Some(identity) if !identity.deactivated => move_find(conn, &sealer, &identity.did),
                _ => Ok(None),
            })
            .await
    }

    /// Makes a document name the new home.
    pub(crate) async fn document_moved(&self, did: &Did, document: &mut DidDocument) -> Result<(), AuthError> {
        if let Some(moved) = self.move_find(did).await? {
            document.service = vec![Service::new("mjn", "MJNNode", &format!("{}/mjn", moved.to_url))];
        }
        Ok(())
    }
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
    if let Some(before) = known.as_ref().filter(|before| before.deleted_at.is_none())
        && row.deleted_at.is_none()
    {
        return moved_again(conn, auth, before, &row, authority);
    }
    let object = object_of(&row.did);
    row.proof = mutation_record(conn, auth, &row.owner_did, ACTION, &object, raw, authority)?;
    Ok(match known {
        Some(_before) => row.save(conn, &auth.sealer)?,
        None => row.insert(conn, &auth.sealer)?,
    })
}

/// Somebody who has moved already: the same once more changes nothing, and nobody has two new homes.
fn moved_again(
    conn: &mut Conn,
    auth: &Writing,
    before: &MoveRow,
    asked: &MoveRow,
    authority: &Authority,
) -> Result<MoveRow, AuthError> {
    if before.to_did != asked.to_did {
        let text = format!("You have moved to {} already.", before.to_url);
        let hint = "Move on from there; or come back here first: `imajin move back`.";
        return Err(refused(&text, hint));
    }
    // The signature must not work again.
    authority.nonce_spend(conn, auth)?;
    Ok(before.clone())
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

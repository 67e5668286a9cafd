//! Somebody who was known as coming from another node has moved: what a node makes of it that is not the one they left.
//!
//! | who | what |
//! |---|---|
//! | a node that they visit | takes them from the new home as soon as the old one confirms their word |
//! | the new home, where they were a visitor or a resident | is their home from then on, and keeps their key log |
//!
//! Both ask the home that they came from first, and follow the words of one home after the other. Each word is signed
//! by the person and given by the home that they left: a stolen key alone moves nobody, and neither does a node.

use imajin_did::{Did, PublicKey};
use imajin_kernel::{Problem, Timestamp};
use imajin_key_log::Status;
use imajin_proof::SignedMessage;
use imajin_store::mutation;
use imajin_store::{Conn, SealedRow};
use imajin_web::SignerAsked;
use serde::Deserialize;
use url::Url;

use crate::AuthError;
use crate::auth::{Auth, Writing};
use crate::federation::arrive::{ACTION_LINK, Linked, link_find};
use crate::federation::peer::Peer;
use crate::federation::rows::FederationLinkRow;
use crate::identities::{CUSTODY_OWN, CUSTODY_RESIDENT};
use crate::key_log::{KeyRefusal, devices, mirrored_find, row_apply};
use crate::log::{Authority, mutation_record};
use crate::moves::{ANSWER_BYTES_MAX, MESSAGE_TYPE, MovePayload};
use crate::rows::IdentityRow;

const ACTION_ARRIVE: &str = "identity.arrive";
/// So many moves after each other are followed.
const MOVES_MAX: usize = 4;

/// What a node says about somebody who has moved.
#[derive(Debug, Deserialize)]
struct Told {
    message: SignedMessage,
}

fn object_of(did: &Did) -> String {
    format!("arrive/{did}")
}

impl Auth {
    /// Somebody who has come from another home before: whether that one says that they have moved to this one now, by
    /// their own word.
    pub(crate) async fn home_follow(&self, did: &Did, peer: &Peer) -> Result<(), AuthError> {
        let Some(link) = self.link_of(did).await?.filter(|link| link.home_did != peer.did) else {
            return Ok(());
        };
        // Without a word of the former home the caller is refused as anybody who comes from elsewhere.
        if self.word_to(&link, &peer.did).await?.is_none() {
            return Ok(());
        }
        let (auth, did) = (self.writing(), did.clone());
        let (home_did, home_url) = (peer.did.clone(), peer.origin.clone());
        self.db
            .write(move |conn| home_write(conn, &auth, &did, (&home_did, &home_url)))
            .await
    }

    /// The word that leads here from the home of somebody who is at home elsewhere, as far as this node knows.
    pub(crate) async fn led_here(&self, did: &Did) -> Result<Option<SignedMessage>, AuthError> {
        match self.link_of(did).await? {
            Some(link) => self.word_to(&link, &self.node_web_did()).await,
            None => Ok(None),
        }
    }

    async fn link_of(&self, did: &Did) -> Result<Option<FederationLinkRow>, AuthError> {
        let (did, sealer) = (did.clone(), self.sealer.clone());
        self.db.read(move |conn| link_find(conn, &sealer, &did)).await
    }

    /// The last of the words that lead from the home of a link to a node, one home after the other.
    async fn word_to(&self, link: &FederationLinkRow, to: &Did) -> Result<Option<SignedMessage>, AuthError> {
        let (did, mut from, mut url) = (&link.did, link.home_did.clone(), link.home_url.clone());
        for _move in 0..MOVES_MAX {
            let Some(message) = self.move_told(did, &url).await else {
                return Ok(None);
            };
            let keys = self.keys_of(did, &message).await?;
            let Some(said) = word_read(&message, did, &keys).filter(|said| said.from == from) else {
                return Ok(None);
            };
            if said.to == *to {
                return Ok(Some(message));
            }
            let Ok(next) = self.peer_resolve(&said.to).await else {
                return Ok(None);
            };
            (from, url) = (next.did, next.origin);
        }
        Ok(None)
    }

    /// The keys that counted when somebody gave their word: a word of long ago counts on after they were replaced.
    async fn keys_of(&self, did: &Did, message: &SignedMessage) -> Result<Vec<PublicKey>, AuthError> {
        let asked = SignerAsked {
            did: did.clone(),
            at: Some(Timestamp::from_millis(message.timestamp)),
            follow: false,
            shown_by: None,
        };
        Ok(self.signer_keys_then(&asked).await?.keys)
    }

    /// What a former home says; whether it is believed is for the signature in it to say.
    async fn move_told(&self, did: &Did, home_url: &str) -> Option<SignedMessage> {
        let url: Url = format!("{home_url}/auth/api/identity/{did}/move").parse().ok()?;
        let answer = self.peers.get(url, "application/json", ANSWER_BYTES_MAX).await;
        let answer = answer.inspect_err(|error| tracing::info!(%error, %did, home_url, "a former home was not asked"));
        let told: Told = serde_json::from_slice(&answer.ok().filter(|answer| answer.status.is_success())?.body).ok()?;
        Some(told.message)
    }
}

/// What somebody has said about a move, if it is they who have signed it.
fn word_read(message: &SignedMessage, did: &Did, keys: &[PublicKey]) -> Option<MovePayload> {
    let is_signed = message.from.canonical() == *did && message.verify_any(MESSAGE_TYPE, keys).is_ok();
    is_signed.then(|| message.payload_as().ok()).flatten()
}

/// A visitor comes from another home from now on.
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

/// A resident is at home here from now on: their keys are this node's business, as if they had registered here first.
pub(crate) fn arrive(
    conn: &mut Conn,
    auth: &Writing,
    mut row: IdentityRow,
    word: &SignedMessage,
) -> Result<IdentityRow, AuthError> {
    let sealer = &auth.sealer;
    let Some(mut link) = link_find(conn, sealer, &row.did)?.filter(|_link| row.custody == CUSTODY_RESIDENT) else {
        return Ok(row);
    };
    let mirrored = mirrored_find(conn, sealer, &row.did)?;
    match mirrored.as_ref().map(|(_mirror, state)| state.status) {
        None | Some(Status::Active) => {}
        Some(Status::Contested) => return Err(KeyRefusal::Contested.into()),
        Some(Status::Deactivated) => return Err(AuthError::IdentityDeactivated),
    }
    let body = serde_json::to_vec(word).map_err(|_error| Problem::internal())?;
    let object = object_of(&row.did);
    // The word carries the person's own signature.
    row.proof = mutation_record(conn, auth, &row.did, ACTION_ARRIVE, &object, body, &Authority::Node)?;
    CUSTODY_OWN.clone_into(&mut row.custody);
    link.deleted_at = Some(auth.env.now());
    link.save(conn, sealer)?;
    let Some((mirror, state)) = mirrored else {
        return Ok(row.save(conn, sealer)?);
    };
    mirror.delete(conn)?;
    row_apply(&mut row, &state)?;
    let row = row.save(conn, sealer)?;
    devices::reconcile(conn, auth, &state, None)?;
    Ok(row)
}

/// Whether the log says that somebody who came from another node has made this one their home.
pub(crate) fn has_arrived(conn: &mut Conn, did: &Did) -> diesel::QueryResult<bool> {
    let logged = mutation::last_body(conn, &object_of(did))?;
    Ok(logged.is_some_and(|logged| logged.action == ACTION_ARRIVE && logged.owner_did == did.as_str()))
}

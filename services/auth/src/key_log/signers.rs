//! Signatures that stay, on manifests and the like: which keys of an identity counted when one was made.

use imajin_did::{Did, Method, PublicKey};
use imajin_kernel::Timestamp;
use imajin_key_log::KeyHistory;
use imajin_store::{Conn, Sealer};
use imajin_web::{SignerAsked, SignerKeys};
use url::Url;

use super::{Following, followed_from, published_find};
use crate::AuthError;
use crate::auth::Auth;
use crate::identities::identity_find;
use crate::names::Name;

impl Auth {
    /// The keys of a DID whose signatures of a moment count: those that its key log says for then, and those of now,
    /// because whoever has one could sign anew. The times are those of the log itself: this node may have seen it late.
    pub(crate) async fn signer_keys_then(&self, asked: &SignerAsked) -> Result<SignerKeys, AuthError> {
        if asked.follow {
            self.signer_follow(&asked.did, asked.shown_by.as_ref()).await?;
        }
        let caller = self.caller_keys_now(&asked.did).await?;
        let (did, sealer) = (caller.did.clone(), self.sealer.clone());
        let (at, now) = (asked.at, self.env.now());
        let past = self
            .db
            .read(move |conn| past_find(conn, &sealer, &did, at.unwrap_or(now)));
        let past = past.await?;
        let mut signer = SignerKeys::of_caller(caller, at);
        for key in past.counted {
            if !signer.keys.contains(&key) {
                signer.keys.push(key);
            }
        }
        let is_other = |key: &PublicKey| !signer.keys.contains(key);
        signer.others = past.ever.into_iter().filter(is_other).collect();
        Ok(signer)
    }

    /// Asks for the log of somebody who is not at home here: the home, if it is known, else whoever shows what they
    /// have signed, and the witnesses.
    async fn signer_follow(&self, did: &Did, shown_by: Option<&Url>) -> Result<(), AuthError> {
        let native = did.canonical();
        if native.method() != Method::Mjn {
            return Ok(());
        }
        let (asked, sealer) = (native.clone(), self.sealer.clone());
        let found = self.db.read(move |conn| {
            let identity = identity_find(conn, &sealer, &Name::Native(asked.clone()))?;
            let followed = followed_from(conn, &sealer, identity.as_ref(), &asked)?;
            let at_home = identity.is_some_and(|identity| !identity.home_elsewhere) && followed.is_none();
            Ok::<_, AuthError>((at_home, followed))
        });
        let (at_home, followed) = found.await?;
        if !at_home {
            let known = followed.unwrap_or(Following {
                did: native,
                home: None,
            });
            let other = shown_by.filter(|url| url.origin() != self.public.0.origin());
            self.log_follow(&known.or_shown_by(other)).await;
        }
        Ok(())
    }
}

/// What a log says about the past.
struct Past {
    counted: Vec<PublicKey>,
    ever: Vec<PublicKey>,
}

fn past_find(conn: &mut Conn, sealer: &Sealer, did: &Did, at: Timestamp) -> Result<Past, AuthError> {
    let identity = identity_find(conn, sealer, &Name::Native(did.clone()))?;
    let published = published_find(conn, sealer, identity, Some(did.clone()))?;
    let published = published.filter(|published| !published.log.entries.is_empty());
    Ok(published.map_or_else(
        || Past {
            counted: Vec::new(),
            ever: Vec::new(),
        },
        |published| {
            // What a recovery has displaced was not the owner's, whenever it was made.
            let history = KeyHistory::of(&published.log, published.state.head, &|_entry| None);
            let first = did.public_key();
            Past {
                counted: history.in_force(at),
                ever: published.log.keys_ever().into_iter().chain(first).collect(),
            }
        },
    ))
}

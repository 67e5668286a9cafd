//! Answering a challenge with one's key.

use imajin_did::{PublicKey, Signature};
use imajin_key_log::KEYS_MAX;
use imajin_store::{Conn, SealedRow};
use imajin_web::Custody;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::AuthError;
use crate::auth::{Auth, Writing};
use crate::challenge::{self, Challenge, Returned};
use crate::identities::{Identity, identity_find};
use crate::key_log::devices;
use crate::key_log::foreign_keys;
use crate::names::Name;
use crate::rows::{ChallengeUseRow, SessionRow};
use crate::sessions::{METHOD_KEY, METHOD_RECOVERY, Opened, session_insert};

/// Who is meant: the first member that is there counts.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub(crate) struct Who {
    /// A DID in any form, a public key in hex, or a handle.
    #[serde(default)]
    pub(crate) id: Option<String>,
    /// A DID in any form.
    #[serde(default)]
    pub(crate) did: Option<String>,
    /// A handle.
    #[serde(default)]
    pub(crate) handle: Option<String>,
}

impl Who {
    /// What was said, if anything.
    pub(crate) fn name(&self) -> Option<&str> {
        self.id.as_deref().or(self.did.as_deref()).or(self.handle.as_deref())
    }
}

/// An answer to a challenge.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AnswerBody {
    /// Who answers: a DID, a handle or a public key in hex. May be left out; when it is there it must be the one that
    /// the challenge was made for. Clients that write `did` or `handle` instead are understood.
    #[serde(flatten)]
    pub(crate) who: Who,
    /// The challenge.
    pub(crate) challenge_id: String,
    /// The signature over the challenge's text, as UTF-8: 128 lower-case hexadecimal digits.
    pub(crate) signature: String,
}

/// Reads a signature in the Imajin form.
pub(crate) fn signature_parse(text: &str) -> Result<Signature, AuthError> {
    Signature::from_hex(text).or(Err(AuthError::SignatureForm))
}

/// Notes that a challenge was answered, in the transaction of what the answer is good for.
pub(crate) fn challenge_spend(conn: &mut Conn, auth: &Writing, returned: &Returned) -> Result<(), AuthError> {
    let row = ChallengeUseRow {
        id: returned.digest.clone(),
        did: returned.did.clone(),
        used_at: auth.env.now(),
        expires_at: returned.expires_at,
        row_seal: Vec::new(),
    };
    match row.insert(conn, &auth.sealer) {
        Ok(_row) => Ok(()),
        Err(error) if imajin_store::is_unique_violation(&error) => Err(AuthError::ChallengeUsed),
        Err(error) => Err(error.into()),
    }
}

/// Which key has answered a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Answered {
    /// One of the current keys.
    by_key: Option<PublicKey>,
    /// The recovery key: it opens a session, too, so that who has lost the other one can still read.
    by_recovery: bool,
}

/// Finds the key that has made a signature; `fits` checks it with one key.
///
/// As many keys are always tried as an identity can have, and one for the recovery key: it takes as long for one that
/// has few, or none, or does not exist.
fn key_of_answer(
    identity: Option<&Identity>,
    returned: &Returned,
    fits: &mut dyn FnMut(&PublicKey) -> bool,
) -> Answered {
    // Of a deactivated identity the last key counts, to be told so.
    let keys = match identity {
        Some(identity) if !identity.keys.is_empty() => identity.keys.clone(),
        Some(identity) => vec![identity.key],
        None => vec![returned.key],
    };
    let mut found = None;
    for place in 0..KEYS_MAX {
        let key = keys.get(place).copied().unwrap_or(returned.key);
        let is_signed = fits(&key);
        if is_signed && place < keys.len() && found.is_none() {
            found = Some(key);
        }
    }
    let recovery = identity.and_then(|identity| identity.recovery_key);
    let is_signed = fits(&recovery.unwrap_or(returned.key));
    Answered {
        by_key: found,
        by_recovery: is_signed && recovery.is_some(),
    }
}

impl Auth {
    /// A challenge for whoever is named. The same answer, after the same work, when nobody is.
    pub(crate) async fn challenge_issue(&self, name: &str) -> Result<Challenge, AuthError> {
        let name = Name::parse(name);
        let (sealer, asked) = (self.sealer.clone(), name.clone());
        let identity = self.db.read(move |conn| identity_find(conn, &sealer, &asked)).await?;
        // A key that is not registered yet needs a challenge, too: to register.
        let subject = identity
            .and_then(|identity| identity.did.public_key())
            .or_else(|| name.key());
        Ok(challenge::issue(&self.keyring, &self.env, subject.as_ref()))
    }

    /// Opens a session for whoever answers a challenge.
    ///
    /// Until the signature has proven that the caller holds the key, every refusal is the same.
    pub(crate) async fn login(&self, body: &AnswerBody, client: Option<String>) -> Result<Opened, AuthError> {
        let signature = signature_parse(&body.signature)?;
        let returned = challenge::open(&self.keyring, self.env.now(), &body.challenge_id)?;
        let named = Name::parse(body.who.name().unwrap_or(returned.did.as_str()));
        let (sealer, did, own_key) = (self.sealer.clone(), returned.did.clone(), returned.key);
        let (mut identity, named_did, abroad) = self
            .db
            .read(move |conn| {
                let identity = identity_find(conn, &sealer, &Name::Native(did.clone()))?;
                // Asked for everybody, so that it does not show whose home is elsewhere.
                let abroad = foreign_keys(conn, &sealer, (&did, &own_key));
                let named = identity_find(conn, &sealer, &named)?
                    .map(|named| named.did)
                    .or(match named {
                        Name::Native(did) => Some(did),
                        _ => None,
                    });
                Ok::<_, AuthError>((identity, named, abroad))
            })
            .await?;
        // Whose home is elsewhere has the keys that their log there says.
        let mut ended = None;
        if let Some(visitor) = identity.as_mut().filter(|identity| identity.home_elsewhere) {
            match abroad {
                Ok(keys) => visitor.keys = keys,
                Err(error) => ended = Some(error),
            }
        }
        let recovery = identity.as_ref().and_then(|identity| identity.recovery_key);
        let mut fits = |key: &PublicKey| key.verify(returned.text.as_bytes(), &signature).is_ok();
        let Answered { by_key, by_recovery } = key_of_answer(identity.as_ref(), &returned, &mut fits);
        if (by_key.is_none() && !by_recovery) || named_did.as_ref() != Some(&returned.did) {
            return Err(AuthError::LoginFailed);
        }
        let identity = identity.ok_or(AuthError::NotRegistered)?;
        if let Some(error) = ended {
            return Err(error);
        }
        if identity.deactivated {
            return Err(AuthError::IdentityDeactivated);
        }
        // Nobody outside holds the key of such an identity.
        if identity.custody == Custody::Node {
            return Err(AuthError::LoginFailed);
        }
        let method = if by_key.is_some() { METHOD_KEY } else { METHOD_RECOVERY };
        let mut row = self.session_row(&identity.did, method, client);
        row.opened_by = by_key.or(recovery).map(|key| key.multikey());
        self.login_commit(identity, returned, row).await
    }

    async fn login_commit(&self, identity: Identity, returned: Returned, row: SessionRow) -> Result<Opened, AuthError> {
        let opened = self.session_opened(identity.clone(), &row)?;
        let auth = self.writing();
        self.write_contended(move |conn| {
            challenge_spend(conn, &auth, &returned)?;
            let key = identity.keys.iter().find(|key| row.opened_by == Some(key.multikey()));
            if let Some(key) = key {
                devices::used(conn, &auth, &identity, key)?;
            }
            session_insert(conn, &auth, row.clone())
        })
        .await?;
        Ok(opened)
    }
}

#[cfg(test)]
mod tests {
    use imajin_did::SecretKey;
    use imajin_kernel::Timestamp;
    use imajin_web::Tier;

    use super::*;

    fn key(seed: u8) -> PublicKey {
        SecretKey::from_seed([seed; 32]).public()
    }

    fn returned() -> Returned {
        Returned {
            digest: String::new(),
            text: "challenge".to_owned(),
            did: key(1).did(),
            key: key(1),
            expires_at: Timestamp::from_seconds(0),
        }
    }

    fn identity(keys: &[u8], recovery: Option<u8>) -> Identity {
        Identity {
            did: key(1).did(),
            key: key(1),
            keys: keys.iter().map(|seed| key(*seed)).collect(),
            state: None,
            recovery_key: recovery.map(key),
            kind: "human".to_owned(),
            handle: None,
            name: None,
            custody: Custody::Own,
            tier: Tier::Key,
            created_at: Timestamp::from_seconds(0),
            deactivated: false,
            home_elsewhere: false,
        }
    }

    /// How many signatures are checked when `signer` has answered, and who it was.
    fn tried(identity: Option<&Identity>, signer: u8) -> (usize, Answered) {
        let mut count = 0;
        let answered = key_of_answer(identity, &returned(), &mut |tried| {
            count += 1;
            *tried == key(signer)
        });
        (count, answered)
    }

    #[test]
    fn an_unknown_name_takes_as_many_signatures_as_a_known_one() {
        let nobody = Answered {
            by_key: None,
            by_recovery: false,
        };
        let many: Vec<u8> = (1..=16).collect();
        let known = [
            identity(&[1], None),
            identity(&[1], Some(99)),
            identity(&many, Some(99)),
            identity(&[], None),
        ];
        let all = KEYS_MAX + 1;
        assert_eq!(tried(None, 200), (all, nobody));
        // Not even the key that the challenge is for makes an identity of nobody.
        assert_eq!(tried(None, 1).0, all);
        for identity in &known {
            for signer in [1, 16, 99, 200] {
                assert_eq!(tried(Some(identity), signer).0, all, "{signer}");
            }
            assert_eq!(tried(Some(identity), 200).1, nobody);
        }
        assert_eq!(tried(Some(&known[2]), 16).1.by_key, Some(key(16)));
        assert!(tried(Some(&known[1]), 99).1.by_recovery && !tried(Some(&known[0]), 99).1.by_recovery);
    }
}

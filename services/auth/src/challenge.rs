//! Login challenges without a row per challenge.
//!
//! The identifier of a challenge is a token that only this node can make and read: when it was given out and for which
//! key, sealed. Asking for challenges therefore costs no memory, and a name that nobody has gets one that looks the
//! same, for a key that nobody has. Only an answer that counts leaves a row, so that it counts once.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use imajin_did::{Did, Keyring, PublicKey, Sealed, SecretKey};
use imajin_kernel::{Env, Span, Timestamp};
use imajin_proof::digest::{sha256, sha256_hex};

use crate::AuthError;

/// How long a challenge may be answered.
pub(crate) const LIFETIME: Span = Span::minutes(5);

/// Binds the seal to its purpose.
const SEAL_LABEL: &str = "auth/challenge/1";
const TEXT_LABEL: &[u8] = b"imajin challenge 1\0";
const PREFIX: &str = "chl_";
const PAYLOAD_LENGTH: usize = 8 + 32;
/// Longer texts are refused before anything looks at them.
const LENGTH_MAX: usize = 200;

/// What a client is asked to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// The token that comes back with the answer.
    pub(crate) id: String,
    /// 64 hexadecimal digits: what the signature covers, as UTF-8.
    pub(crate) text: String,
    /// From when on an answer is too late.
    pub(crate) expires_at: Timestamp,
}

/// A challenge that came back, and that this node did give out.
#[derive(Debug, Clone)]
pub(crate) struct Returned {
    /// Names the challenge in the table of those that were answered.
    pub(crate) digest: String,
    /// What the signature must cover.
    pub(crate) text: String,
    /// The native DID that the challenge was made for.
    pub(crate) did: Did,
    /// The key that this DID is.
    pub(crate) key: PublicKey,
    /// From when on an answer is too late.
    pub(crate) expires_at: Timestamp,
}

/// Makes a challenge for the identity whose native DID is `subject`; for `None` one that nobody can answer.
pub(crate) fn issue(keyring: &Keyring, env: &Env, subject: Option<&PublicKey>) -> Challenge {
    let now = env.now();
    // Made in both cases, so that both take the same time.
    let decoy = SecretKey::generate(env).public();
    let key = subject.copied().unwrap_or(decoy);
    let mut payload = Vec::with_capacity(PAYLOAD_LENGTH);
    payload.extend_from_slice(&now.as_micros().to_be_bytes());
    payload.extend_from_slice(key.as_bytes());
    let sealed = keyring.seal(SEAL_LABEL, &payload, env);
    Challenge {
        id: format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(sealed.as_bytes())),
        text: text_of(sealed.as_bytes()),
        expires_at: now.plus(LIFETIME),
    }
}

/// Reads a challenge that came back.
///
/// # Errors
/// [`AuthError::LoginFailed`] for what this node did not make, [`AuthError::ChallengeExpired`] for what it made too
/// long ago.
pub(crate) fn open(keyring: &Keyring, now: Timestamp, id: &str) -> Result<Returned, AuthError> {
    let failed = || AuthError::LoginFailed;
    if id.len() > LENGTH_MAX {
        return Err(failed());
    }
    let encoded = id.strip_prefix(PREFIX).ok_or_else(failed)?;
    let bytes = URL_SAFE_NO_PAD.decode(encoded).or(Err(failed()))?;
    let payload = keyring
        .open(SEAL_LABEL, &Sealed::from_bytes(bytes.clone()))
        .or(Err(failed()))?;
    let (issued_at, key) = payload.split_first_chunk::<8>().ok_or_else(failed)?;
    let key: [u8; 32] = key.try_into().or(Err(failed()))?;
    let key = PublicKey::from_bytes(&key).or(Err(failed()))?;
    let issued_at = Timestamp::from_micros(i64::from_be_bytes(*issued_at));
    let expires_at = issued_at.plus(LIFETIME);
    if expires_at <= now {
        return Err(AuthError::ChallengeExpired);
    }
    let (digest, text) = (sha256_hex(&bytes), text_of(&bytes));
    Ok(Returned {
        digest,
        text,
        did: Did::from_key(&key),
        key,
        expires_at,
    })
}

/// Nobody can choose the text: it is a digest of the sealed token, which holds 192 random bits.
fn text_of(sealed: &[u8]) -> String {
    let mut input = TEXT_LABEL.to_vec();
    input.extend_from_slice(sealed);
    hex::encode(sha256(&input))
}

#[cfg(test)]
mod tests {
    use imajin_kernel::ManualClock;

    use super::*;

    fn setup() -> (ManualClock, Env, Keyring) {
        let clock = ManualClock::at(Timestamp::from_seconds(1_800_000_000));
        let env = Env::fixed(clock.clone(), 7);
        let keyring = Keyring::generate(&env);
        (clock, env, keyring)
    }

    #[test]
    fn a_challenge_comes_back_as_it_was_and_expires() {
        let (clock, env, keyring) = setup();
        let key = SecretKey::generate(&env).public();
        let challenge = issue(&keyring, &env, Some(&key));
        assert_eq!(challenge.text.len(), 64);
        let returned = open(&keyring, env.now(), &challenge.id).unwrap();
        assert_eq!((returned.key, &returned.text), (key, &challenge.text));
        clock.advance(LIFETIME);
        assert!(matches!(
            open(&keyring, env.now(), &challenge.id),
            Err(AuthError::ChallengeExpired)
        ));
    }

    #[test]
    fn a_decoy_looks_the_same() {
        let (_clock, env, keyring) = setup();
        let key = SecretKey::generate(&env).public();
        let (real, decoy) = (issue(&keyring, &env, Some(&key)), issue(&keyring, &env, None));
        assert_eq!(real.id.len(), decoy.id.len());
        assert_eq!(real.expires_at, decoy.expires_at);
        assert_ne!(real.text, decoy.text);
    }

    #[test]
    fn what_this_node_did_not_make_is_refused() {
        let (_clock, env, keyring) = setup();
        let other = Keyring::generate(&env);
        let foreign = issue(&other, &env, None);
        let own = issue(&keyring, &env, None);
        let changed = format!("{}A{}", own.id.get(..50).unwrap(), own.id.get(51..).unwrap());
        let long = format!("{PREFIX}{}", "A".repeat(LENGTH_MAX));
        for bad in [
            foreign.id.as_str(),
            changed.as_str(),
            long.as_str(),
            "",
            "chl_",
            "chl_!",
            "evt_x",
        ] {
            if bad != own.id {
                assert!(
                    matches!(open(&keyring, env.now(), bad), Err(AuthError::LoginFailed)),
                    "{bad}"
                );
            }
        }
    }
}

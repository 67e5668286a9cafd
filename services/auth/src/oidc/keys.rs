//! The keys that sign ID tokens: RSA by default, because that is what unmodified clients expect; P-256 or Ed25519 where
//! a client is registered so.
//!
//! The first key of an algorithm is made when the first client of that algorithm is registered, so a node without
//! applications has none. A key is published before it signs and for as long as its tokens live, so a client that
//! keeps a copy of the key set for a while never meets an unknown key.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::prelude::*;
use imajin_did::{Keyring, Sealed, SecretKey, Zeroizing};
use imajin_kernel::{Env, Span, Timestamp};
use imajin_store::{Conn, SealedRow, Sealer};
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use serde::Serialize;
use serde_json::{Value, json};

use super::rows::OidcKeyRow;
use crate::AuthError;
use crate::auth::Auth;
use crate::log::{Authority, mutation_record};
use crate::schema::oidc_keys;

/// A new key is published this long before it signs: longer than anybody keeps a copy of the key set.
const PUBLISHED_AHEAD: Span = Span::minutes(10);
/// A key stays published this long after its successor has taken over: longer than an ID token lives.
const PUBLISHED_AFTER: Span = Span::hours(25);
const ACTION_ROTATE: &str = "oidc.keys.rotate";
/// A key that signs for longer is replaced.
const ROTATED_AFTER: Span = Span::days(90);

/// How an ID token is signed (RFC 7518, RFC 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// RSA of 2048 bits, PKCS #1 v1.5, SHA-256.
    Rs256,
    /// ECDSA on P-256, SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    pub(crate) const ALL: [Self; 3] = [Self::Rs256, Self::Es256, Self::EdDsa];

    /// Its name in JOSE.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text)
    }

    const fn of_jose(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        }
    }
}

/// A private key, opened for one signature.
enum PrivateKey {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(SecretKey),
}

/// A key that signs now.
pub(crate) struct SigningKey {
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
    private: PrivateKey,
}

fn broken(what: &str) -> AuthError {
    AuthError::Row(format!("oidc_keys {what}"))
}

/// Binds a sealed key to its row.
pub(crate) fn seal_label(kid: &str) -> String {
    format!("auth/oidc-key/{kid}")
}

impl PrivateKey {
    /// Made by the cryptographic library with its own randomness: it takes none from outside.
    fn generate(algorithm: Algorithm, env: &Env) -> Result<Self, AuthError> {
        Ok(match algorithm {
            Algorithm::Rs256 => {
                Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_unspecified| broken("cannot be made"))?)
            }
            Algorithm::Es256 => Self::P256(
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
                    .map_err(|_unspecified| broken("cannot be made"))?,
            ),
            Algorithm::EdDsa => Self::Ed25519(SecretKey::generate(env)),
        })
    }

    fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Option<Self> {
        Some(match algorithm {
            Algorithm::Rs256 => Self::Rsa(RsaKeyPair::from_pkcs8(bytes).ok()?),
            Algorithm::Es256 => Self::P256(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes).ok()?),
            Algorithm::EdDsa => Self::Ed25519(SecretKey::from_seed(bytes.try_into().ok()?)),
        })
    }

    /// PKCS #8, or the seed of an Ed25519 key.
    fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, AuthError> {
        let unwritable = |_unspecified| broken("cannot be written");
        let bytes = match self {
            Self::Rsa(pair) => pair.as_der().map_err(unwritable)?.as_ref().to_vec(),
            Self::P256(pair) => pair.to_pkcs8v1().map_err(unwritable)?.as_ref().to_vec(),
            Self::Ed25519(key) => return Ok(Zeroizing::new(key.to_seed().to_vec())),
        };
        Ok(Zeroizing::new(bytes))
    }

    fn public_jwk(&self, algorithm: Algorithm) -> Result<Jwk, AuthError> {
        let key = match self {
            Self::Rsa(pair) => DecodingKey::from_rsa_der(pair.public_key().as_ref()),
            Self::P256(pair) => DecodingKey::from_ec_der(pair.public_key().as_ref()),
            Self::Ed25519(key) => DecodingKey::from_ed_der(key.public().as_bytes()),
        };
        let mut jwk =
            Jwk::from_decoding_key(&key, Some(algorithm.of_jose())).map_err(|_error| broken("has no public half"))?;
        let kid = jwk
            .thumbprint(ThumbprintHash::SHA256)
            .map_err(|_error| broken("has no thumbprint"))?;
        jwk.common.key_id = Some(kid);
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(jwk)
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, AuthError> {
        let failed = |_unspecified| broken("does not sign");
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
                    .map_err(failed)?;
                Ok(signature)
            }
            Self::P256(pair) => Ok(pair
                .sign(&SystemRandom::new(), message)
                .map_err(failed)?
                .as_ref()
                .to_vec()),
            Self::Ed25519(key) => Ok(key.sign(message).to_bytes().to_vec()),
        }
    }
}

impl SigningKey {
    /// Signs claims as a JWS in compact form (RFC 7515).
    pub(crate) fn issue<C: Serialize>(&self, typ: &str, claims: &C) -> Result<String, AuthError> {
        let header = json!({"alg": self.algorithm.as_str(), "kid": self.kid, "typ": typ}).to_string();
        let payload = serde_json::to_vec(claims).map_err(|_error| broken("cannot write its claims"))?;
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = self.private.sign(signed.as_bytes())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// A row for a key that is not stored yet.
pub(crate) fn key_row(
    keyring: &Keyring,
    env: &Env,
    algorithm: Algorithm,
    generation: i64,
    active_at: Timestamp,
) -> Result<OidcKeyRow, AuthError> {
    let private = PrivateKey::generate(algorithm, env)?;
    let jwk = private.public_jwk(algorithm)?;
    let kid = jwk.common.key_id.clone().unwrap_or_default();
    let sealed = keyring.seal(&seal_label(&kid), &private.to_bytes()?, env);
    Ok(OidcKeyRow {
        public_jwk: serde_json::to_string(&jwk).map_err(|_error| broken("cannot be published"))?,
        sealed_key: sealed.into_bytes(),
        kid,
        algorithm: algorithm.as_str().to_owned(),
        generation,
        created_at: env.now(),
        active_at,
        retires_at: None,
        row_seal: Vec::new(),
    })
}

/// Whether the sealed private key opens and belongs to the published one.
pub(crate) fn key_fits(keyring: &Keyring, row: &OidcKeyRow) -> bool {
    let opened = key_open(keyring, row).ok();
    let jwk = opened.and_then(|key| key.private.public_jwk(key.algorithm).ok());
    jwk.is_some_and(|jwk| {
        jwk.common.key_id.as_deref() == Some(row.kid.as_str())
            && serde_json::to_string(&jwk).is_ok_and(|text| text == row.public_jwk)
    })
}

fn key_open(keyring: &Keyring, row: &OidcKeyRow) -> Result<SigningKey, AuthError> {
    let algorithm = Algorithm::parse(&row.algorithm).ok_or_else(|| broken(&row.kid))?;
    let bytes = keyring.open(&seal_label(&row.kid), &Sealed::from_bytes(row.sealed_key.clone()))?;
    let private = PrivateKey::from_bytes(algorithm, &bytes).ok_or_else(|| broken(&row.kid))?;
    Ok(SigningKey {
        kid: row.kid.clone(),
        algorithm,
        private,
    })
}

fn rows_of(conn: &mut Conn, sealer: &Sealer, algorithm: Option<Algorithm>) -> Result<Vec<OidcKeyRow>, AuthError> {
    let rows: Vec<OidcKeyRow> = oidc_keys::table
        .order((oidc_keys::algorithm, oidc_keys::generation.desc()))
        .select(OidcKeyRow::as_select())
        .load(conn)?;
    let wanted = rows
        .into_iter()
        .filter(|row| algorithm.is_none_or(|algorithm| row.algorithm == algorithm.as_str()));
    wanted.map(|row| Ok(row.intact(sealer)?)).collect()
}

fn is_published(row: &OidcKeyRow, now: Timestamp) -> bool {
    row.retires_at.is_none_or(|at| at > now)
}

impl Auth {
    /// The key that signs now; the first one of an algorithm is made.
    pub(crate) async fn oidc_signing_key(&self, algorithm: Algorithm) -> Result<SigningKey, AuthError> {
        let now = self.env.now();
        let current = |rows: Vec<OidcKeyRow>| rows.into_iter().find(|row| row.active_at <= now);
        if let Some(row) = current(self.oidc_key_rows(Some(algorithm)).await?) {
            return key_open(&self.keyring, &row);
        }
        self.oidc_key_ensure(algorithm).await?;
        let row = current(self.oidc_key_rows(Some(algorithm)).await?).ok_or_else(|| broken(algorithm.as_str()))?;
        key_open(&self.keyring, &row)
    }

    /// Makes the first key of an algorithm, unless there is one.
    pub(crate) async fn oidc_key_ensure(&self, algorithm: Algorithm) -> Result<(), AuthError> {
        if !self.oidc_key_rows(Some(algorithm)).await?.is_empty() {
            return Ok(());
        }
        self.oidc_key_add(algorithm, 1, self.env.now()).await
    }

    async fn oidc_key_rows(&self, algorithm: Option<Algorithm>) -> Result<Vec<OidcKeyRow>, AuthError> {
        let sealer = self.sealer.clone();
        self.db.read(move |conn| rows_of(conn, &sealer, algorithm)).await
    }

    /// Another process on the same database may be first: then its key is the one.
    async fn oidc_key_add(&self, algorithm: Algorithm, generation: i64, active_at: Timestamp) -> Result<(), AuthError> {
        let (keyring, env) = (self.keyring.clone(), self.env.clone());
        let made = tokio::task::spawn_blocking(move || key_row(&keyring, &env, algorithm, generation, active_at)).await;
        let row = made.map_err(|_panicked| broken("cannot be made"))??;
        let sealer = self.sealer.clone();
        let stored = self
            .db
            .write(move |conn| {
                let retires_at = row.active_at.plus(PUBLISHED_AFTER);
                for mut old in rows_of(conn, &sealer, Some(algorithm))? {
                    if old.retires_at.is_none() {
                        old.retires_at = Some(retires_at);
                        old.save(conn, &sealer)?;
                    }
                }
                row.clone().insert(conn, &sealer)?;
                Ok::<_, AuthError>(())
            })
            .await;
        match stored {
            Err(AuthError::Store(error)) if error.is_unique_violation() => Ok(()),
            stored => stored,
        }
    }

    /// Replaces the keys that have signed for long enough, or all of them; returns how many.
    ///
    /// # Errors
    /// What the database says.
    pub async fn oidc_keys_rotate(&self, all: bool) -> Result<usize, AuthError> {
        let (now, mut rotated) = (self.env.now(), 0_usize);
        let rows = self.oidc_key_rows(None).await?;
        for algorithm in Algorithm::ALL {
            let Some(newest) = rows.iter().find(|row| row.algorithm == algorithm.as_str()) else {
                continue;
            };
            // One that waits to become active is new enough in any case.
            let due = newest.active_at <= now && (all || newest.active_at.plus(ROTATED_AFTER) <= now);
            if due {
                let generation = newest.generation.saturating_add(1);
                self.oidc_key_add(algorithm, generation, now.plus(PUBLISHED_AHEAD))
                    .await?;
                rotated = rotated.saturating_add(1);
            }
        }
        Ok(rotated)
    }

    /// The published keys, as JWKs.
    pub(crate) async fn oidc_public_keys(&self) -> Result<Vec<Value>, AuthError> {
        let now = self.env.now();
        let rows = self.oidc_key_rows(None).await?;
        rows.iter()
            .filter(|row| is_published(row, now))
            .map(|row| serde_json::from_str(&row.public_jwk).map_err(|_error| broken(&row.kid)))
            .collect()
    }

    /// The union for the root of the node: session keys, the node's own, and these.
    pub(crate) async fn key_set_union(&self) -> Result<Value, AuthError> {
        let mut set = self.key_set();
        let own = self.oidc_public_keys().await?;
        if let Some(keys) = set.get_mut("keys").and_then(Value::as_array_mut) {
            keys.extend(own);
        }
        Ok(set)
    }

    /// Notes that the operator wants other keys.
    pub(crate) async fn oidc_rotation_note(
        &self,
        verified: &imajin_web::Verified,
        raw: Vec<u8>,
    ) -> Result<(), AuthError> {
        let (did, authority) = (verified.did().clone(), Authority::Signed(verified.proof().clone()));
        let auth = self.writing();
        self.db
            .write(move |conn| {
                mutation_record(conn, &auth, &did, ACTION_ROTATE, "oidc_keys", raw.clone(), &authority)?;
                Ok::<_, AuthError>(())
            })
            .await
    }

    /// The claims of an ID token of this node, however old: for `id_token_hint`, which only ever names somebody.
    pub(crate) async fn oidc_hint_read(&self, text: &str) -> Result<Option<Value>, AuthError> {
        let Ok(header) = jsonwebtoken::decode_header(text) else {
            return Ok(None);
        };
        let rows = self.oidc_key_rows(None).await?;
        let row = rows.iter().find(|row| Some(row.kid.as_str()) == header.kid.as_deref());
        let Some((row, algorithm)) = row.and_then(|row| Some((row, Algorithm::parse(&row.algorithm)?))) else {
            return Ok(None);
        };
        let jwk: Jwk = serde_json::from_str(&row.public_jwk).map_err(|_error| broken(&row.kid))?;
        let key = DecodingKey::from_jwk(&jwk).map_err(|_error| broken(&row.kid))?;
        let mut validation = jsonwebtoken::Validation::new(algorithm.of_jose());
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        validation.set_issuer(&[self.issuer()]);
        let read = jsonwebtoken::decode::<Value>(text, &key, &validation).ok();
        Ok(read.map(|token| token.claims))
    }
}

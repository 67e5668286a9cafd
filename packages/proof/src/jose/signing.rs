use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents,
};
use imajin_did::{P256Key, SecretKey, Zeroizing};
use imajin_kernel::Env;

use super::{Algorithm, JoseError, Jwk};

/// A private key that signs tokens; a clone shares it. Its `kid` is the thumbprint of its public half (RFC 7638).
///
/// The parsed key is kept and used through aws-lc-rs itself: the JWT library on top of it reads a key again for every
/// signature, which for RSA is most of the time. The tests hold both against each other.
#[derive(Clone)]
pub struct SigningKey(Arc<Inner>);

struct Inner {
    pair: Pair,
    public: Jwk,
}

enum Pair {
    Rs256(RsaKeyPair),
    Es256(EcdsaKeyPair),
    EdDsa(SecretKey),
}

impl SigningKey {
    /// A fresh key: RSA of 2048 bits, P-256 or Ed25519.
    ///
    /// The random numbers for the first two come from the cryptographic library, which takes none from outside: only an
    /// Ed25519 key is repeatable in a test. An RSA key takes a second or more of one core to find.
    ///
    /// # Errors
    /// [`JoseError::Library`] when the library cannot.
    pub fn generate(algorithm: Algorithm, env: &Env) -> Result<Self, JoseError> {
        match algorithm {
            Algorithm::RS256 => Self::of_rsa(RsaKeyPair::generate(KeySize::Rsa2048).or(Err(JoseError::Library))?),
            Algorithm::ES256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
                Self::of_p256(pair.or(Err(JoseError::Library))?)
            }
            Algorithm::EdDSA => Ok(Self::from_ed25519(SecretKey::generate(env))),
        }
    }

    /// From an Ed25519 key.
    pub fn from_ed25519(key: SecretKey) -> Self {
        let public = Jwk::from_key(key.public());
        Self::of(Pair::EdDsa(key), public)
    }

    /// From PKCS#8 in DER, as [`SigningKey::to_pkcs8`] gave it: for a key that was sealed and stored.
    ///
    /// # Errors
    /// [`JoseError::PrivateKey`] when the bytes are no key for this algorithm.
    pub fn from_pkcs8(algorithm: Algorithm, der: &[u8]) -> Result<Self, JoseError> {
        let refused = JoseError::PrivateKey;
        match algorithm {
            Algorithm::RS256 => Self::of_rsa(RsaKeyPair::from_pkcs8(der).or(Err(refused))?),
            Algorithm::ES256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der);
                Self::of_p256(pair.or(Err(refused))?)
            }
            Algorithm::EdDSA => SecretKey::from_pkcs8_der(der).map(Self::from_ed25519).or(Err(refused)),
        }
        .or(Err(refused))
    }

    /// PKCS#8 version 1 in DER, to be sealed and stored.
    ///
    /// # Errors
    /// [`JoseError::Library`] when the library cannot.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, JoseError> {
        Ok(match &self.0.pair {
            Pair::Rs256(pair) => {
                let der: Pkcs8V1Der<'_> = pair.as_der().or(Err(JoseError::Library))?;
                Zeroizing::new(der.as_ref().to_vec())
            }
            Pair::Es256(pair) => {
                let document = pair.to_pkcs8v1().or(Err(JoseError::Library))?;
                Zeroizing::new(document.as_ref().to_vec())
            }
            Pair::EdDsa(key) => key.to_pkcs8_der(),
        })
    }

    /// The algorithm of every signature of this key.
    pub fn algorithm(&self) -> Algorithm {
        self.0.public.algorithm()
    }

    /// The name of the key in a published set.
    pub fn kid(&self) -> &str {
        self.0.public.kid()
    }

    /// The public half, to publish.
    pub fn jwk(&self) -> &Jwk {
        &self.0.public
    }

    /// Signs these bytes as a JWS is signed (RFC 7518, section 3; RFC 8037, section 3.1).
    ///
    /// # Errors
    /// [`JoseError::Library`] when the library cannot.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, JoseError> {
        let random = SystemRandom::new();
        match &self.0.pair {
            Pair::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .or(Err(JoseError::Library))?;
                Ok(signature)
            }
            Pair::Es256(pair) => {
                let signature = pair.sign(&random, message).or(Err(JoseError::Library))?;
                Ok(signature.as_ref().to_vec())
            }
            Pair::EdDsa(key) => Ok(key.sign(message).to_bytes().to_vec()),
        }
    }

    fn of_rsa(pair: RsaKeyPair) -> Result<Self, JoseError> {
        let RsaPublicKeyComponents { n, e } = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
        let public = Jwk::from_rsa(n, e)?;
        Ok(Self::of(Pair::Rs256(pair), public))
    }

    fn of_p256(pair: EcdsaKeyPair) -> Result<Self, JoseError> {
        let public = P256Key::from_uncompressed(pair.public_key().as_ref()).or(Err(JoseError::Library))?;
        Ok(Self::of(Pair::Es256(pair), Jwk::from_key(public)))
    }

    fn of(pair: Pair, public: Jwk) -> Self {
        Self(Arc::new(Inner { pair, public }))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({} {})", self.algorithm(), self.kid())
    }
}

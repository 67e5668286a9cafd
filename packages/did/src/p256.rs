use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, ParsedPublicKey};

use crate::{BadSignature, MultikeyError, Signature, multikey};

/// The length of a point with only the sign of its y (SEC 1, section 2.3.3).
const COMPRESSED_LENGTH: usize = 33;
/// The length of a point with both of its coordinates.
const UNCOMPRESSED_LENGTH: usize = 65;
const COORDINATE_LENGTH: usize = 32;

/// The bytes are no point of P-256 in the form that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are not a point of the curve P-256 in the expected form")]
pub struct NotAP256Point;

/// A P-256 public key (NIST SP 800-186): a point of the curve, never the one at infinity.
///
/// It verifies for others, agents of the web for example. No identity of ours is made from one: a did:mjn is an Ed25519
/// key. Keeps the parsed point, so that a key that is parsed once verifies many signatures without doing it again.
#[derive(Clone)]
pub struct P256Key {
    /// 0x04, x, y.
    point: [u8; UNCOMPRESSED_LENGTH],
    fixed: ParsedPublicKey,
}

impl P256Key {
    /// From 0x02 or 0x03 and x: the form in a Multikey (SEC 1, section 2.3.4).
    ///
    /// # Errors
    /// [`NotAP256Point`] when the bytes have another form, x is not reduced, or no point has that x.
    pub fn from_compressed(bytes: &[u8]) -> Result<Self, NotAP256Point> {
        match (bytes.len(), bytes.first()) {
            (COMPRESSED_LENGTH, Some(0x02 | 0x03)) => Self::parse(bytes),
            _ => Err(NotAP256Point),
        }
    }

    /// From 0x04, x and y (SEC 1, section 2.3.4). The hybrid forms are refused.
    ///
    /// # Errors
    /// [`NotAP256Point`] when the bytes have another form or are not on the curve.
    pub fn from_uncompressed(bytes: &[u8]) -> Result<Self, NotAP256Point> {
        match (bytes.len(), bytes.first()) {
            (UNCOMPRESSED_LENGTH, Some(0x04)) => Self::parse(bytes),
            _ => Err(NotAP256Point),
        }
    }

    /// From the coordinates, as a JWK has them (RFC 7518, section 6.2.1).
    ///
    /// # Errors
    /// [`NotAP256Point`] when they are not on the curve.
    pub fn from_coordinates(x: &[u8; COORDINATE_LENGTH], y: &[u8; COORDINATE_LENGTH]) -> Result<Self, NotAP256Point> {
        let mut bytes = Vec::with_capacity(UNCOMPRESSED_LENGTH);
        bytes.push(0x04);
        bytes.extend_from_slice(x);
        bytes.extend_from_slice(y);
        Self::parse(&bytes)
    }

    /// From `zDn…`.
    ///
    /// # Errors
    /// [`MultikeyError`] when the text is no Multikey of a P-256 key.
    pub fn from_multikey(text: &str) -> Result<Self, MultikeyError> {
        multikey::decode_p256(text)
    }

    fn parse(bytes: &[u8]) -> Result<Self, NotAP256Point> {
        use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};

        let fixed = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, bytes).or(Err(NotAP256Point))?;
        // The library gives the coordinates only within an SPKI, whose last part is the uncompressed point (RFC 5480).
        let spki: PublicKeyX509Der<'_> = fixed.as_der().or(Err(NotAP256Point))?;
        let point = spki.as_ref().last_chunk::<UNCOMPRESSED_LENGTH>().copied();
        match point {
            Some(point) if point.first() == Some(&0x04) => Ok(Self { point, fixed }),
            _ => Err(NotAP256Point),
        }
    }

    /// 0x04, x and y.
    pub const fn to_uncompressed(&self) -> [u8; UNCOMPRESSED_LENGTH] {
        self.point
    }

    /// 0x02 or 0x03, and x.
    pub fn to_compressed(&self) -> [u8; COMPRESSED_LENGTH] {
        let (x, y) = self.coordinates();
        let mut bytes = [0; COMPRESSED_LENGTH];
        let is_odd = y.last().is_some_and(|byte| byte & 1 == 1);
        for (to, from) in bytes
            .iter_mut()
            .zip(std::iter::once(if is_odd { 3 } else { 2 }).chain(x))
        {
            *to = from;
        }
        bytes
    }

    /// x and y, big-endian.
    pub fn coordinates(&self) -> ([u8; COORDINATE_LENGTH], [u8; COORDINATE_LENGTH]) {
        let (mut x, mut y) = ([0; COORDINATE_LENGTH], [0; COORDINATE_LENGTH]);
        let mut bytes = self.point.iter().skip(1);
        for to in x.iter_mut().chain(&mut y) {
            *to = bytes.next().copied().unwrap_or_default();
        }
        (x, y)
    }

    /// `zDn…`.
    pub fn multikey(&self) -> String {
        multikey::encode_p256(self)
    }

    /// Whether the owner of this key signed exactly these bytes: ECDSA with SHA-256, the signature as r ‖ s (the form
    /// of RFC 9421, section 3.3.4, and of a JWS).
    ///
    /// The negated s is as valid, as the standards have it: nothing may take the signature for the name of a message.
    ///
    /// # Errors
    /// [`BadSignature`] when not.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        self.fixed
            .verify_sig(message, signature.as_bytes())
            .or(Err(BadSignature))
    }

    /// The same for a signature in DER, the form of X.509 and of passkeys.
    ///
    /// # Errors
    /// [`BadSignature`] when not.
    pub fn verify_der(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, self.point).or(Err(BadSignature))?;
        key.verify_sig(message, signature).or(Err(BadSignature))
    }
}

impl PartialEq for P256Key {
    fn eq(&self, other: &Self) -> bool {
        self.point == other.point
    }
}

impl Eq for P256Key {}

impl Hash for P256Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.point.hash(state);
    }
}

impl PartialOrd for P256Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for P256Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.point.cmp(&other.point)
    }
}

impl fmt::Display for P256Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.multikey())
    }
}

impl fmt::Debug for P256Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.multikey())
    }
}

//! The public key of a passkey, as authenticators write it (RFC 9052, RFC 9053, RFC 8812).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use coset::cbor::Value;
use coset::iana::{self, EnumI64};
use coset::{Algorithm, CborSerializable, CoseKey, KeyType, Label};
use imajin_did::{PublicKey, Signature};

/// The algorithms that we ask for, the best first.
pub(crate) const ALGORITHMS: [iana::Algorithm; 3] =
    [iana::Algorithm::ES256, iana::Algorithm::EdDSA, iana::Algorithm::RS256];

/// A key whose signatures can be checked.
#[derive(Debug, Clone)]
pub(crate) enum PasskeyKey {
    /// ECDSA on P-256: the point, uncompressed.
    P256(Vec<u8>),
    /// Ed25519.
    Ed25519(PublicKey),
    /// RSA: modulus and exponent.
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

fn bytes_of(key: &CoseKey, label: i64) -> Option<&[u8]> {
    key.params.iter().find_map(|(name, value)| match (name, value) {
        (Label::Int(known), Value::Bytes(bytes)) if *known == label => Some(bytes.as_slice()),
        _ => None,
    })
}

fn curve_is(key: &CoseKey, label: i64, curve: iana::EllipticCurve) -> bool {
    key.params.iter().any(|(name, value)| {
        *name == Label::Int(label) && value.as_integer().is_some_and(|value| value == curve.to_i64().into())
    })
}

impl PasskeyKey {
    /// Reads a key; `None` for a kind that was not asked for, or for a key that cannot be used.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let key = CoseKey::from_slice(bytes).ok()?;
        let Some(Algorithm::Assigned(algorithm)) = key.alg else {
            return None;
        };
        let KeyType::Assigned(kind) = key.kty else { return None };
        match (kind, algorithm) {
            (iana::KeyType::EC2, iana::Algorithm::ES256) => {
                let curve = iana::Ec2KeyParameter::Crv.to_i64();
                let x = bytes_of(&key, iana::Ec2KeyParameter::X.to_i64())?;
                let y = bytes_of(&key, iana::Ec2KeyParameter::Y.to_i64())?;
                let fits = curve_is(&key, curve, iana::EllipticCurve::P_256) && (x.len(), y.len()) == (32, 32);
                fits.then(|| Self::P256([&[4], x, y].concat()))
            }
            (iana::KeyType::OKP, iana::Algorithm::EdDSA) => {
                let curve = iana::OkpKeyParameter::Crv.to_i64();
                let x: [u8; 32] = bytes_of(&key, iana::OkpKeyParameter::X.to_i64())?.try_into().ok()?;
                let key = PublicKey::from_bytes(&x)
                    .ok()
                    .filter(|_key| curve_is(&key, curve, iana::EllipticCurve::Ed25519));
                key.map(Self::Ed25519)
            }
            (iana::KeyType::RSA, iana::Algorithm::RS256) => Some(Self::Rsa {
                n: bytes_of(&key, iana::RsaKeyParameter::N.to_i64())?.to_vec(),
                e: bytes_of(&key, iana::RsaKeyParameter::E.to_i64())?.to_vec(),
            }),
            _ => None,
        }
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
                .verify(message, signature)
                .is_ok(),
            Self::Ed25519(key) => {
                Signature::from_slice(signature).is_some_and(|signature| key.verify(message, &signature).is_ok())
            }
            Self::Rsa { n, e } => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
        }
    }
}

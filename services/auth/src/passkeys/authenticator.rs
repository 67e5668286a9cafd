//! What an authenticator says, read from its bytes (Web Authentication, sections 6.1 and 6.5).

use coset::cbor::{Value, de};

const HEAD_LENGTH: usize = 37;
const CREDENTIAL_ID_MAX: usize = 1023;

const FLAG_PRESENT: u8 = 0x01;
const FLAG_VERIFIED: u8 = 0x04;
const FLAG_BACKUP_ELIGIBLE: u8 = 0x08;
const FLAG_BACKED_UP: u8 = 0x10;
const FLAG_CREDENTIAL: u8 = 0x40;
const FLAG_EXTENSIONS: u8 = 0x80;

/// Authenticator data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuthenticatorData {
    pub(crate) rp_id_hash: [u8; 32],
    flags: u8,
    pub(crate) sign_count: u32,
    /// The new credential, when one was made.
    pub(crate) credential: Option<NewCredential>,
}

/// A credential that was just made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewCredential {
    pub(crate) id: Vec<u8>,
    /// The public key, as it was written (`COSE_Key`).
    pub(crate) public_key: Vec<u8>,
}

impl AuthenticatorData {
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (head, mut rest) = bytes.split_at_checked(HEAD_LENGTH)?;
        let (rp_id_hash, tail) = head.split_first_chunk::<32>()?;
        let (&[flags], count) = tail.split_first_chunk::<1>()?;
        let sign_count = u32::from_be_bytes(count.try_into().ok()?);
        let credential = if flags & FLAG_CREDENTIAL == 0 {
            None
        } else {
            Some(credential_read(&mut rest)?)
        };
        if flags & FLAG_EXTENSIONS != 0 {
            let extensions: Value = de::from_reader(&mut rest).ok()?;
            extensions.as_map()?;
        }
        // Nothing may follow, and what is backed up must be able to be.
        let is_consistent = rest.is_empty() && (flags & FLAG_BACKED_UP == 0 || flags & FLAG_BACKUP_ELIGIBLE != 0);
        is_consistent.then_some(Self {
            rp_id_hash: *rp_id_hash,
            flags,
            sign_count,
            credential,
        })
    }

    /// Whether a person was there and has shown who they are.
    pub(crate) const fn is_user_verified(&self) -> bool {
        self.flags & FLAG_PRESENT != 0 && self.flags & FLAG_VERIFIED != 0
    }
}

fn credential_read(rest: &mut &[u8]) -> Option<NewCredential> {
    let (_aaguid, after) = rest.split_first_chunk::<16>()?;
    let (length, after) = after.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*length));
    if length == 0 || length > CREDENTIAL_ID_MAX {
        return None;
    }
    let (id, after) = after.split_at_checked(length)?;
    // The key is as long as its own encoding says.
    let mut reader = after;
    let _key: Value = de::from_reader(&mut reader).ok()?;
    let public_key = after.get(..after.len().saturating_sub(reader.len()))?;
    *rest = reader;
    Some(NewCredential {
        id: id.to_vec(),
        public_key: public_key.to_vec(),
    })
}

/// An attestation object.
#[derive(Debug, Clone)]
pub(crate) struct Attestation {
    /// The authenticator data, as it was signed.
    pub(crate) data: Vec<u8>,
    pub(crate) statement: Statement,
}

/// Who vouches for the authenticator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Statement {
    /// Nobody, which is what we ask for.
    None,
    /// The new key itself (`packed` without a certificate).
    Itself(Vec<u8>),
}

impl Attestation {
    /// Reads an attestation; `None` for one that vouches by a certificate: nobody has asked for that.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = bytes;
        let value: Value = de::from_reader(&mut reader).ok()?;
        if !reader.is_empty() {
            return None;
        }
        let map = value.into_map().ok()?;
        let member = |name: &str| {
            map.iter()
                .find(|(key, _value)| key.as_text() == Some(name))
                .map(|(_key, value)| value)
        };
        let statement = member("attStmt")?.as_map()?;
        let part = |name: &str| {
            statement
                .iter()
                .find(|(key, _value)| key.as_text() == Some(name))
                .map(|(_key, value)| value)
        };
        let statement = match member("fmt")?.as_text()? {
            "none" if statement.is_empty() => Statement::None,
            "packed" if part("x5c").is_none() => Statement::Itself(part("sig")?.as_bytes()?.clone()),
            _ => return None,
        };
        Some(Self {
            data: member("authData")?.as_bytes()?.clone(),
            statement,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_makes_the_reader_panic(bytes: Vec<u8>) {
            let _read = AuthenticatorData::read(&bytes);
            let _read = Attestation::read(&bytes);
        }
    }

    #[test]
    fn the_parts_must_fit_their_flags() {
        let mut plain = vec![7; 32];
        plain.extend([FLAG_PRESENT | FLAG_VERIFIED, 0, 0, 1, 2]);
        let read = AuthenticatorData::read(&plain).unwrap();
        assert_eq!(
            (read.rp_id_hash, read.sign_count, read.is_user_verified()),
            ([7; 32], 258, true)
        );
        for (flags, tail) in [
            (FLAG_PRESENT, &[1_u8][..]),
            (FLAG_CREDENTIAL, &[]),
            (FLAG_EXTENSIONS, &[]),
            (FLAG_EXTENSIONS, &[0x01]),
            (FLAG_BACKED_UP, &[]),
        ] {
            let mut bad = plain.clone();
            bad[32] = flags;
            bad.extend(tail);
            assert_eq!(AuthenticatorData::read(&bad), None, "{flags:#x}");
        }
        plain.push(0xa0);
        plain[32] = FLAG_PRESENT | FLAG_EXTENSIONS;
        assert!(!AuthenticatorData::read(&plain).unwrap().is_user_verified());
    }
}

//! From a text that somebody sent to the identity that it means.

use diesel::prelude::*;
use imajin_did::{Did, Method, PublicKey};
use imajin_store::{Conn, SealedRow, Sealer};

use crate::AuthError;
use crate::handle::is_handle_shaped;
use crate::rows::IdentityRow;
use crate::schema::{identities, identity_aliases};

/// The ways to name an identity in public. A did:email is none of them: it names a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Name {
    /// A DID that is a key, in its native form.
    Native(Did),
    /// A short DID.
    Alias(Did),
    /// A handle.
    Handle(String),
    /// Nothing that could be registered here.
    Nobody,
}

impl Name {
    /// Reads a DID in any form, a public key in hex, or a handle. Never fails: what is none of them names nobody.
    pub(crate) fn parse(text: &str) -> Self {
        let text = text.trim();
        if text.starts_with("did:") {
            return text.parse().map_or(Self::Nobody, |did: Did| Self::of_did(&did));
        }
        if let Ok(key) = PublicKey::from_hex(text) {
            return Self::Native(key.did());
        }
        let lower = text.to_ascii_lowercase();
        if is_handle_shaped(&lower) {
            Self::Handle(lower)
        } else {
            Self::Nobody
        }
    }

    /// The name that a DID is.
    pub(crate) fn of_did(did: &Did) -> Self {
        match did.method() {
            Method::Mjn | Method::Key | Method::Imajin => Self::Native(did.canonical()),
            Method::ImajinShort => Self::Alias(did.clone()),
            Method::Email | Method::Web => Self::Nobody,
        }
    }

    /// The key that the name itself is.
    pub(crate) fn key(&self) -> Option<PublicKey> {
        match self {
            Self::Native(did) => did.public_key(),
            Self::Alias(_) | Self::Handle(_) | Self::Nobody => None,
        }
    }
}

/// The registered identity that a name means, deactivated or not.
///
/// One query in every case, so that a name that nobody has takes as long as one that somebody has.
pub(crate) fn identity_by_name(
    conn: &mut Conn,
    sealer: &Sealer,
    name: &Name,
) -> Result<Option<IdentityRow>, AuthError> {
    let found: Option<IdentityRow> = match name {
        Name::Native(did) => identities::table
            .find(did.clone())
            .select(IdentityRow::as_select())
            .first(conn)
            .optional()?,
        Name::Alias(alias) => identities::table
            .inner_join(identity_aliases::table.on(identity_aliases::did.eq(identities::did)))
            .filter(identity_aliases::alias.eq(alias.clone()))
            .select(IdentityRow::as_select())
            .first(conn)
            .optional()?,
        Name::Handle(handle) => identities::table
            .filter(identities::handle.eq(handle.clone()))
            .select(IdentityRow::as_select())
            .first(conn)
            .optional()?,
        Name::Nobody => identities::table
            .filter(identities::did.eq(""))
            .select(IdentityRow::as_select())
            .first(conn)
            .optional()?,
    };
    // Its key decides who may do what, so a row that was changed by hand is not believed.
    found.map(|row| row.intact(sealer)).transpose().map_err(AuthError::from)
}

#[cfg(test)]
mod tests {
    use imajin_did::SecretKey;

    use super::*;

    #[test]
    fn every_form_of_a_key_is_one_name() {
        let key = SecretKey::from_seed([7; 32]).public();
        let native = Name::Native(key.did());
        let mut forms: Vec<String> = key.did().also_known_as().iter().map(ToString::to_string).collect();
        forms.extend([key.did().to_string(), key.to_hex(), format!(" {} ", key.did())]);
        for form in forms {
            assert_eq!(Name::parse(&form), native, "{form}");
        }
        assert_eq!(native.key(), Some(key));
    }

    #[test]
    fn a_mailbox_names_nobody() {
        assert_eq!(Name::parse("did:email:ada_at_example.org"), Name::Nobody);
        assert_eq!(Name::parse("did:web:example.org"), Name::Nobody);
        assert_eq!(Name::parse("did:mjn:z6Mknonsense"), Name::Nobody);
        assert_eq!(Name::parse("a b"), Name::Nobody);
        assert_eq!(Name::parse("Ada_1"), Name::Handle("ada_1".to_owned()));
    }
}

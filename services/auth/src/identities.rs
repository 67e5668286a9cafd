//! What a registered identity is to others: its tier, its keys, its public facts.

use diesel::prelude::*;
use imajin_auth_api::IdentityView;
use imajin_did::{Did, Method, PublicKey};
use imajin_kernel::Timestamp;
use imajin_key_log::{KeyState, Status};
use imajin_store::{Conn, SealedRow, Sealer};
use imajin_web::{CallerKeys, Custody, Tier};

use crate::AuthError;
use crate::key_log::{self, Following, KeyRefusal};
use crate::names::{Name, identity_by_name};
use crate::rows::{IdentityRow, NodeRoleRow};
use crate::schema::node_roles;
use crate::session_keys::public_key_of;

/// The role of whoever runs the node.
pub(crate) const OPERATOR: &str = "operator";
pub(crate) const CUSTODY_OWN: &str = "own";
pub(crate) const CUSTODY_NODE: &str = "node";
/// The person holds the key, and another node is their home.
pub(crate) const CUSTODY_HOME: &str = "home";
/// The same, and the person has registered here as well.
pub(crate) const CUSTODY_RESIDENT: &str = "resident";

/// What an actor can be. `presence` and `actor` are what older clients send.
const KINDS: [&str; 9] = [
    "human", "agent", "device", "org", "event", "service", "node", "presence", "actor",
];
const NAME_LENGTH_MAX: usize = 80;

/// A registered identity, read from the database, with everything that decides about it.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) did: Did,
    /// The first of its keys; of a deactivated identity the last that it had.
    pub(crate) key: PublicKey,
    /// All keys whose signatures count.
    pub(crate) keys: Vec<PublicKey>,
    /// What its key log says, once it has published one.
    pub(crate) state: Option<KeyState>,
    /// May open a session, but sign nothing.
    pub(crate) recovery_key: Option<PublicKey>,
    pub(crate) kind: String,
    pub(crate) handle: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) custody: Custody,
    pub(crate) tier: Tier,
    pub(crate) created_at: Timestamp,
    pub(crate) deactivated: bool,
    /// Another node is the home: it says which keys count.
    pub(crate) home_elsewhere: bool,
}

impl Identity {
    /// Reads a row; a row that this program never writes is an error.
    pub(crate) fn from_row(row: IdentityRow, operator: Option<&Did>) -> Result<Self, AuthError> {
        let unreadable = || AuthError::Row(format!("identities {}", row.did));
        let key = public_key_of(&row.public_key).ok_or_else(unreadable)?;
        let recovery_key = row.recovery_key.as_deref().map(PublicKey::from_multikey).transpose();
        let recovery_key = recovery_key.map_err(|_error| unreadable())?;
        let state = key_log::state_parse(&row)?;
        let custody = match row.custody.as_str() {
            CUSTODY_OWN | CUSTODY_HOME | CUSTODY_RESIDENT => Custody::Own,
            CUSTODY_NODE => Custody::Node,
            _ => return Err(unreadable()),
        };
        let tier = match custody {
            Custody::Node => Tier::Soft,
            Custody::Own if row.custody == CUSTODY_HOME => Tier::Visitor,
            Custody::Own if operator == Some(&row.did) => Tier::Operator,
            Custody::Own => Tier::Key,
        };
        Ok(Self {
            key,
            keys: state.as_ref().map_or_else(|| vec![key], |state| state.keys.clone()),
            state,
            recovery_key,
            custody,
            tier,
            kind: row.kind,
            handle: row.handle,
            name: row.name,
            created_at: row.created_at,
            deactivated: row.deleted_at.is_some(),
            home_elsewhere: [CUSTODY_HOME, CUSTODY_RESIDENT].contains(&row.custody.as_str()),
            did: row.did,
        })
    }

    /// Whether two histories of its keys contradict each other.
    pub(crate) fn is_contested(&self) -> bool {
        self.state
            .as_ref()
            .is_some_and(|state| state.status == Status::Contested)
    }

    /// Whether another node is its home.
    pub(crate) fn is_visitor(&self) -> bool {
        self.tier == Tier::Visitor
    }

    /// The public facts.
    pub(crate) fn view(self) -> IdentityView {
        IdentityView {
            did: self.did,
            handle: self.handle,
            name: self.name,
            kind: self.kind,
            public_key: self.key,
            tier: self.tier,
            custody: self.custody,
            created_at: self.created_at,
        }
    }
}

/// The identity that a name means, deactivated or not.
pub(crate) fn identity_find(conn: &mut Conn, sealer: &Sealer, name: &Name) -> Result<Option<Identity>, AuthError> {
    let row = identity_by_name(conn, sealer, name)?;
    // Asked in every case: a name that nobody has takes as long.
    let operator = operator_find(conn, sealer)?;
    row.map(|row| Identity::from_row(row, operator.as_ref())).transpose()
}

/// Who runs the node, once somebody does.
pub(crate) fn operator_find(conn: &mut Conn, sealer: &Sealer) -> Result<Option<Did>, AuthError> {
    let row: Option<NodeRoleRow> = node_roles::table
        .filter(node_roles::role.eq(OPERATOR).and(node_roles::deleted_at.is_null()))
        .select(NodeRoleRow::as_select())
        .first(conn)
        .optional()?;
    // The row decides who may do everything, so one that was written by hand is not believed.
    Ok(row.map(|row| row.intact(sealer)).transpose()?.map(|row| row.did))
}

/// The keys whose signatures count for a DID now.
pub(crate) fn caller_keys(conn: &mut Conn, sealer: &Sealer, did: &Did) -> Result<CallerKeys, AuthError> {
    caller_find(conn, sealer, did)?.0
}

/// The same, and whether the log that says so is followed from elsewhere.
pub(crate) fn caller_find(
    conn: &mut Conn,
    sealer: &Sealer,
    did: &Did,
) -> Result<(Result<CallerKeys, AuthError>, Option<Following>), AuthError> {
    if did.method() == Method::Email {
        return Err(AuthError::MailboxCaller);
    }
    let name = Name::of_did(did);
    let identity = identity_find(conn, sealer, &name)?;
    let native = identity.as_ref().map(|identity| identity.did.clone());
    let following = match native.or_else(|| name.key().map(|key| key.did())) {
        Some(native) => key_log::followed_from(conn, sealer, identity.as_ref(), &native)?,
        None => None,
    };
    let keys = match identity {
        Some(identity) if identity.deactivated => Err(AuthError::IdentityDeactivated),
        Some(identity) if identity.is_contested() => Err(KeyRefusal::Contested.into()),
        Some(identity) => Ok(CallerKeys {
            keys: if identity.home_elsewhere {
                key_log::foreign_keys(conn, sealer, (&identity.did, &identity.key))?
            } else {
                identity.keys
            },
            did: identity.did,
            tier: identity.tier,
            custody: identity.custody,
        }),
        // A key, but not one of ours: P-256.
        None if name.key().is_none() && did.verifying_key().is_some() => Err(AuthError::KeyKindOther),
        None => stranger_keys(conn, sealer, &name),
    };
    Ok((keys, following))
}

fn stranger_keys(conn: &mut Conn, sealer: &Sealer, name: &Name) -> Result<CallerKeys, AuthError> {
    let key = name.key().ok_or(AuthError::CallerUnknown)?;
    let did = key.did();
    Ok(CallerKeys {
        keys: key_log::foreign_keys(conn, sealer, (&did, &key))?,
        did,
        tier: Tier::Visitor,
        custody: Custody::Own,
    })
}

/// Checks what kind of actor somebody wants to be.
pub(crate) fn kind_parse(text: &str) -> Result<String, AuthError> {
    KINDS
        .iter()
        .find(|kind| **kind == text)
        .map(|kind| (*kind).to_owned())
        .ok_or(AuthError::KindUnknown)
}

/// Invisible, or turns the direction of what follows: good for passing as somebody else.
const fn is_deceptive(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Checks a display name.
pub(crate) fn name_parse(text: &str) -> Result<String, AuthError> {
    let name = text.trim();
    if name.is_empty()
        || name.chars().count() > NAME_LENGTH_MAX
        || name.chars().any(|letter| letter.is_control() || is_deceptive(letter))
    {
        return Err(AuthError::NameForm);
    }
    Ok(name.to_owned())
}

//! Pods: named groups of people, who may do what in them, and who is in them.
//!
//! Every change is a signed request. It is logged under the name of the pod, so that its history says by itself who
//! is in it and what they may do: `imajin verify` goes through it again ([`history`]).
//!
//! Pods stand within others of the same owner only. So whoever changes where they stand has locked all that could
//! make a circle of it, and nobody brings people into the pod of another.

pub(crate) mod find;
pub(crate) mod history;
pub(crate) mod invite;
pub(crate) mod list;
pub(crate) mod member;
mod nest;
pub(crate) mod owner;
pub(crate) mod settle;

use imajin_connections_api::PodRole;
use imajin_did::Did;
use imajin_did::Method;

use crate::ConnectionsError;
use crate::rows::PodMemberRow;

/// The characters of a name at most.
const NAME_LENGTH_MAX: usize = 80;
/// So many pods stand within each other at most.
const DEPTH_MAX: usize = 3;
/// People in one pod, those who are invited among them.
pub(crate) const MEMBERS_MAX: i64 = 500;
/// Pods of one owner.
const OWNED_MAX: usize = 50;
/// Pods that one person is in.
const JOINED_MAX: i64 = 200;
/// Pods that one person makes in an hour: what was dissolved stays in the database.
const PER_HOUR_MAX: i64 = 50;
/// Invitations of one person in an hour, over all pods.
const INVITES_PER_HOUR_MAX: i64 = 100;

/// There is none, or the caller may not know that there is.
pub(crate) const UNKNOWN: ConnectionsError = ConnectionsError::NotFound("pod");

/// What a pod is called: one line that looks like what it is.
fn name_checked(name: &str) -> Result<String, ConnectionsError> {
    let name = name.trim();
    let is_line = !name.chars().any(|letter| letter.is_control() || is_deceptive(letter));
    if is_line && (1..=NAME_LENGTH_MAX).contains(&name.chars().count()) {
        return Ok(name.to_owned());
    }
    Err(ConnectionsError::invalid(
        "name",
        "must have 1 to 80 characters on one line, none of them invisible",
    ))
}

/// Letters that cannot be seen, and those that turn the direction of what follows.
const fn is_deceptive(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// What somebody does needs a role; it is refused to those of a lower one. Who is only invited has none.
fn role_require(place: &PodMemberRow, least: PodRole, who: &'static str) -> Result<PodRole, ConnectionsError> {
    if place.is_in() {
        let role = place.role()?;
        if role >= least {
            return Ok(role);
        }
    }
    Err(ConnectionsError::Forbidden(who))
}

/// Who is named: a DID that can answer.
fn named(did: &Did) -> Result<Did, ConnectionsError> {
    if did.method() == Method::Email {
        let problem = "is a mailbox: name the person by the DID of their key";
        return Err(ConnectionsError::invalid("did", problem));
    }
    Ok(did.canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_visible_line() {
        assert_eq!(name_checked("  Book club ").unwrap(), "Book club");
        let longest = "ü".repeat(NAME_LENGTH_MAX);
        assert_eq!(name_checked(&longest).unwrap(), longest);
        for wrong in [
            "",
            "   ",
            "a\nb",
            "a\u{202e}b",
            "\u{200b}",
            &"x".repeat(NAME_LENGTH_MAX + 1),
        ] {
            assert!(name_checked(wrong).is_err(), "{wrong:?}");
        }
    }
}

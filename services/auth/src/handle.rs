//! The names that people choose.

use std::fmt;
use std::str::FromStr;

use crate::AuthError;

const LENGTH: std::ops::RangeInclusive<usize> = 3..=30;

/// Names that would pass for the node itself, for a role, or for a part of an address. In alphabetical order.
const RESERVED: [&str; 72] = [
    "abuse",
    "account",
    "accounts",
    "admin",
    "administrator",
    "agent",
    "anonymous",
    "api",
    "assets",
    "auth",
    "billing",
    "broker",
    "chat",
    "coffee",
    "config",
    "connections",
    "contact",
    "demo",
    "directory",
    "dykil",
    "event",
    "events",
    "everyone",
    "fair",
    "health",
    "help",
    "home",
    "host",
    "hostmaster",
    "imagxp",
    "imajin",
    "info",
    "join",
    "learn",
    "legal",
    "links",
    "login",
    "logout",
    "mail",
    "mailbox",
    "me",
    "metrics",
    "mjn",
    "moderator",
    "nobody",
    "node",
    "null",
    "official",
    "operator",
    "orders",
    "owner",
    "pay",
    "payments",
    "postmaster",
    "privacy",
    "profile",
    "publisher",
    "ready",
    "receipts",
    "register",
    "registry",
    "root",
    "security",
    "settings",
    "setup",
    "staff",
    "support",
    "system",
    "tickets",
    "undefined",
    "webmaster",
    "www",
];

/// A handle that somebody may have: 3 to 30 of `a`–`z`, `0`–`9` and `_`, and none that is reserved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Handle(String);

impl Handle {
    pub(crate) fn into_string(self) -> String {
        self.0
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// What it looks like: two handles with one look are easily taken for each other.
    pub(crate) fn look(&self) -> String {
        look(&self.0)
    }
}

/// Letters and digits that are drawn alike become one, and underscores are nothing.
fn look(handle: &str) -> String {
    let drawn: String = handle
        .chars()
        .filter(|letter| *letter != '_')
        .map(|letter| match letter {
            '0' => 'o',
            '1' | 'i' => 'l',
            other => other,
        })
        .collect();
    drawn.replace("rn", "m").replace("vv", "w")
}

fn is_reserved(handle: &str) -> bool {
    RESERVED.binary_search(&handle).is_ok() || RESERVED.iter().any(|name| look(name) == look(handle))
}

/// Whether a text has the form of a handle, reserved or not.
pub(crate) fn is_handle_shaped(text: &str) -> bool {
    LENGTH.contains(&text.len())
        && text
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

impl FromStr for Handle {
    type Err = AuthError;

    fn from_str(text: &str) -> Result<Self, AuthError> {
        if !is_handle_shaped(text) {
            return Err(AuthError::HandleForm);
        }
        if is_reserved(text) {
            return Err(AuthError::HandleReserved);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_reserved_names_are_in_order_and_of_the_right_form() {
        assert!(RESERVED.is_sorted());
        for name in RESERVED {
            assert!(
                name.len() < 3 || matches!(name.parse::<Handle>(), Err(AuthError::HandleReserved)),
                "{name}"
            );
        }
    }

    #[test]
    fn a_handle_is_short_plain_and_lower_case() {
        for good in ["abc", "a_b", "___", "x12345678901234567890123456789"] {
            assert!(good.parse::<Handle>().is_ok(), "{good}");
        }
        let long = "a".repeat(31);
        for bad in ["", "ab", "Abc", "a-b", "a b", "ä_ö", "did:mjn:x", long.as_str()] {
            assert!(matches!(bad.parse::<Handle>(), Err(AuthError::HandleForm)), "{bad}");
        }
    }

    #[test]
    fn names_that_are_drawn_alike_have_one_look() {
        let look_of = |text: &str| text.parse::<Handle>().unwrap().look();
        for (one, other) in [
            ("ada_l", "ada1"),
            ("bob0", "b0bo"),
            ("warren", "vvarren"),
            ("modem", "modern"),
            ("___x", "x___"),
        ] {
            assert_eq!(look_of(one), look_of(other), "{one} {other}");
        }
        assert_ne!(look_of("ada"), look_of("adb"));
        for reserved in ["adm1n", "r00t", "_root_", "supp0rt", "irnajin", "m_e"] {
            assert!(
                matches!(reserved.parse::<Handle>(), Err(AuthError::HandleReserved)),
                "{reserved}"
            );
        }
    }

    proptest! {
        #[test]
        fn nothing_else_gets_through(text in ".{0,40}") {
            if let Ok(handle) = text.parse::<Handle>() {
                prop_assert!(is_handle_shaped(&handle.0));
            }
        }
    }
}

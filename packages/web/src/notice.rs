use imajin_did::Did;
use serde::{Deserialize, Serialize};

/// Whom a notice is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Addressee {
    /// Somebody, known or not.
    Person(Did),
    /// Whoever runs this node.
    Operator,
}

/// Something that somebody should hear of without looking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// What its sender calls it: the same notice, handed over twice, is told once. At most 200 bytes.
    pub source: String,
    /// Whose it is. Whoever has proven a mailbox, and wants mail, gets it there; others do not get it.
    pub to: Addressee,
    /// One line.
    pub subject: String,
    /// What has happened, without a greeting.
    pub text: String,
    /// The page of this node that says more: a path.
    pub path: String,
}

//! `/ask/{did}`: asking a leader; `/answers`: under which terms one's own questions are answered, from what, and what
//! came of it.

use askama::Template;

use crate::Shell;

/// `/ask/{did}`. The browser module reads the terms, asks what it costs, signs the question, and shows the answer as it
/// comes.
#[derive(Debug, Clone, Template)]
#[template(path = "ask.html")]
pub struct AskPage {
    /// The frame.
    pub shell: Shell,
    /// What to call the leader.
    pub name: String,
    /// The whole DID of the leader.
    pub did: String,
}

/// `/answers`. The browser module fills the lists and signs the terms. Use it only with `shell.viewer` set.
#[derive(Debug, Clone, Template)]
#[template(path = "answers.html")]
pub struct AnswersPage {
    /// The frame.
    pub shell: Shell,
    /// The DID of the node that answers.
    pub node: String,
}

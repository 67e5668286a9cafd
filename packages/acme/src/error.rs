/// Why there is no certificate. Each text says what to do; none holds a key.
#[derive(Debug, thiserror::Error)]
pub enum AcmeError {
    /// No connection, or no answer in time.
    #[error("the certificate authority cannot be reached: {0}")]
    Away(String),
    /// It refuses the account or the order.
    #[error("the certificate authority refuses: {0}")]
    Refused(String),
    /// It could not see the proof.
    #[error("the certificate authority could not check {name}: {why}")]
    NotProven {
        /// Which name.
        name: String,
        /// What it saw.
        why: String,
    },
    /// The proof could not be published.
    #[error("the proof for the certificate authority cannot be published: {0}")]
    NotPublished(String),
    /// The endpoint that publishes proofs does not know the account, or not any more.
    #[error("the proof for the certificate authority cannot be published: {0}")]
    NoAccount(String),
    /// It offers no proof of the kind that was chosen.
    #[error("the certificate authority does not take {kind} for {name}: {hint}")]
    NoChallenge {
        /// Which kind.
        kind: &'static str,
        /// Which name.
        name: String,
        /// What to do.
        hint: &'static str,
    },
    /// What was stored, or what it sent, is not usable.
    #[error("{0}")]
    Unusable(String),
}

impl From<instant_acme::Error> for AcmeError {
    fn from(error: instant_acme::Error) -> Self {
        match error {
            instant_acme::Error::Api(problem) => Self::Refused(problem_text(&problem)),
            instant_acme::Error::Timeout(_next) => Self::Away("it did not decide in time".to_owned()),
            other => Self::Away(other.to_string()),
        }
    }
}

/// What the authority says, with what it says about single names.
pub(crate) fn problem_text(problem: &instant_acme::Problem) -> String {
    let of_names = problem.subproblems.iter().filter_map(|one| one.detail.clone());
    let detail = problem.detail.clone().or_else(|| problem.r#type.clone());
    let parts: Vec<String> = detail.into_iter().chain(of_names).collect();
    parts.join("; ")
}

//! What agents say about what they have paid for, on its way to the broker. It decides about no page: an answer is the
//! same, and costs the same, whatever is said.

use http::{HeaderMap, HeaderValue};
use imajin_imagxp::{AgentId, AgentManifest, ClaimError, FEEDBACK, FEEDBACK_NOT_TAKEN, FEEDBACK_TAKEN, Feedback};

use crate::Gate;

/// What stands in a record between the reason and what became of the feedback.
const AND_FEEDBACK: &str = "; its feedback was ";

/// Whether an agent's feedback was taken, and why not.
pub type Heard = Result<(), String>;

/// The feedback of a request, and whether one of the agent's own keys has signed it.
pub(crate) fn feedback_of(headers: &HeaderMap, manifest: &AgentManifest) -> Option<Result<Feedback, String>> {
    let mut values = headers.get_all(FEEDBACK).iter();
    let first = values.next()?;
    if values.next().is_some() {
        return Some(Err("the header is there more than once".to_owned()));
    }
    let read = Feedback::parse(first.as_bytes().trim_ascii()).and_then(|said| {
        said.verify(&manifest.keys)?;
        Ok(said)
    });
    Some(read.map_err(|error| match error {
        ClaimError::BadSignature => "none of the agent's keys has signed it".to_owned(),
        ClaimError::Malformed(problem) => problem.to_owned(),
        error => error.to_string(),
    }))
}

/// Feedback is checked by the keys of a manifest, and who signs by Web Bot Auth has shown none.
pub(crate) fn feedback_of_bot(headers: &HeaderMap) -> Option<Result<Feedback, String>> {
    let is_there = headers.contains_key(FEEDBACK);
    is_there.then(|| Err("it counts on requests with a claim: send it with one, or to the broker".to_owned()))
}

impl Gate {
    /// Keeps what the agent says, where it counts.
    pub(crate) async fn feedback_keep(&self, agent: &AgentId, said: Option<Result<Feedback, String>>) -> Option<Heard> {
        let (said, keeper) = (said?, self.feedbacks()?);
        let feedback = match said {
            Ok(feedback) => feedback,
            Err(problem) => return Some(Err(problem)),
        };
        let kept = keeper.keep(agent.as_str(), &feedback).await;
        Some(kept.map_err(|problem| problem.detail.trim_end_matches('.').to_owned()))
    }
}

/// Says in an answer what became of the feedback.
pub(crate) fn mark(headers: &mut HeaderMap, heard: Option<&Heard>) {
    let Some(heard) = heard else {
        return;
    };
    if let Ok(value) = HeaderValue::from_str(&heard_text(heard)) {
        headers.insert(FEEDBACK, value);
    }
}

/// What is written down of a request, with what became of its feedback.
pub(crate) fn reason_with(reason: &str, heard: Option<&Heard>) -> String {
    match heard {
        None => reason.to_owned(),
        Some(heard) => format!("{reason}{AND_FEEDBACK}{}", heard_text(heard)),
    }
}

fn heard_text(heard: &Heard) -> String {
    match heard {
        Ok(()) => FEEDBACK_TAKEN.to_owned(),
        Err(problem) => format!("{FEEDBACK_NOT_TAKEN}{problem}"),
    }
}

/// The reason in a record, without what became of the feedback.
pub fn reason_alone(reason: &str) -> &str {
    reason.split_once(AND_FEEDBACK).map_or(reason, |(alone, _heard)| alone)
}

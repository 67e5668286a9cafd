//! Forgetting what need not be kept.

use imajin_kernel::{Problem, Span, Timestamp};

use crate::Query;
use crate::domain::retention::{Forgotten, forget_some};

/// How long a quote is kept after it was made: it is good for some minutes.
const QUOTES_KEPT: Span = Span::days(1);
/// How long a question without an answer is kept: longer than its quote, and until whoever has asked it can have
/// noticed that it came to nothing. What was held for it went back at once.
const FAILED_KEPT: Span = Span::days(30);

impl Query {
    /// Forgets quotes that nobody can use any more, questions that came to nothing, and uses, copies of others' logs
    /// and removed documents that were evidence for as long as the configuration says. Whole days are forgotten, so
    /// that the log says so once a day at most.
    ///
    /// # Errors
    /// When the database does not answer. What was not forgotten is forgotten at the next time.
    pub async fn forget(&self) -> Result<(), Problem> {
        let kept = self.config.evidence_kept;
        for (what, kept) in [
            (Forgotten::Quotes, QUOTES_KEPT),
            (Forgotten::Uses, kept),
            (Forgotten::Copies, kept),
            (Forgotten::Removed, kept),
            (Forgotten::Failed, FAILED_KEPT),
        ] {
            let before = Timestamp::from_days(self.context.now().minus(kept).as_days());
            let forget = move || self.write(move |conn, context| forget_some(conn, context, what, before));
            while forget().await? {}
        }
        Ok(())
    }
}

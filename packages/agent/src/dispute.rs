//! What the agent says about what it has paid for: to its broker, or to the site, which passes it on.

use axum::http::{HeaderValue, Method, StatusCode};
use imajin_imagxp::{FEEDBACK, FEEDBACK_NOT_TAKEN, FEEDBACK_TAKEN, Feedback};
use imajin_kernel::{Code, Problem};
use serde_json::{Number, Value, json};

use crate::broker::url_of;
use crate::{Agent, Purchase};

impl Agent {
    /// Says what a page was worth that was paid for; below and at one half, the agent wants its money back. The answer
    /// is the broker's document about the dispute. Said again, it is the same dispute.
    ///
    /// # Errors
    /// Why the broker refuses. [`Code::NotFound`] means that it knows of no such payment, or not yet.
    pub async fn dispute(&self, mut purchase: Purchase, score: &Number, reason: &str) -> Result<Value, Problem> {
        let url = self
            .endpoint(&purchase.broker, |said| said.imagxp_dispute_endpoint)
            .await?;
        let mut claims = purchase.claims.clone();
        claims.extend(self.redeemed_claims(&purchase).await);
        for claim in &claims {
            let said = self.feedback(&purchase, claim, (score, reason))?;
            let answer = self.ask(Method::POST, &url, Some(&json!(said)), None).await?;
            if answer.status == StatusCode::NOT_FOUND {
                continue;
            }
            let dispute: Value = answer.json()?;
            purchase.dispute = dispute.get("id").and_then(Value::as_str).map(ToOwned::to_owned);
            self.journal().write(&purchase)?;
            return Ok(dispute);
        }
        let detail = "The broker knows of no payment for this page.";
        Err(Problem::new(Code::NotFound, detail)
            .hint("The publisher may not have asked for its money yet: try again in a minute."))
    }

    /// How a dispute stands: the broker's document about it.
    ///
    /// # Errors
    /// Why the broker refuses; [`Code::NotFound`] when nothing was said about the page.
    pub async fn dispute_find(&self, purchase: &Purchase) -> Result<Value, Problem> {
        let nothing = || {
            Problem::new(Code::NotFound, "Nothing was said about this page yet.")
                .hint("Say what it was worth: --score 0.2 --reason TEXT.")
        };
        let id = purchase.dispute.as_ref().ok_or_else(nothing)?;
        let endpoint = self.endpoint(&purchase.broker, |said| said.imagxp_dispute_endpoint);
        let url = url_of(&format!("{}/{id}", endpoint.await?))?;
        self.ask(Method::GET, &url, None, None).await?.json()
    }

    /// Says the same to the site that was paid, which passes it on to the broker: for an agent that the broker does not
    /// hear at the moment.
    ///
    /// # Errors
    /// Why the site does not take it, or that it listens to none of this.
    pub async fn dispute_at_site(&self, purchase: &Purchase, score: &Number, reason: &str) -> Result<(), Problem> {
        let url = url_of(&purchase.url)?;
        let mut problem = Problem::new(Code::NotFound, "The site does not listen to this.");
        for claim in &purchase.claims {
            let said = self.feedback(purchase, claim, (score, reason))?.to_header();
            let said = said.map_err(|error| Problem::invalid(format!("{error}.")))?;
            let said = HeaderValue::from_str(&said).map_err(|error| Problem::invalid(format!("{error}.")))?;
            let (mut headers, _claim) = self.claim_headers(&url, purchase.purpose)?;
            headers.insert(FEEDBACK, said);
            // Nothing is read, so nothing is paid.
            let answer = self.http().send(Method::HEAD, url.clone(), headers, Vec::new()).await?;
            let heard = answer.headers.get(FEEDBACK).and_then(|value| value.to_str().ok());
            match heard {
                Some(FEEDBACK_TAKEN) => return Ok(()),
                Some(refused) => {
                    let why = refused.strip_prefix(FEEDBACK_NOT_TAKEN).unwrap_or(refused);
                    problem.detail = format!("The site has not taken it: {why}.");
                }
                None => {}
            }
        }
        Err(problem.hint("Say it to the broker."))
    }

    fn feedback(
        &self,
        purchase: &Purchase,
        claim: &str,
        (score, reason): (&Number, &str),
    ) -> Result<Feedback, Problem> {
        let said = Feedback::sign(self.key(), &purchase.url, score.clone(), reason, claim);
        said.map_err(|error| Problem::invalid(format!("{error}.")))
    }
}

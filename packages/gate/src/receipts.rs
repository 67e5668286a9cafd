//! Receipts, for the agents that have paid: asked for as pages are, by a claim that is for this very address.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::CACHE_CONTROL;
use imajin_imagxp::{Binding, RECEIPTS_PATH};
use imajin_kernel::{Code, Problem};
use imajin_web::{Failure, path_sent};
use serde_json::Value;

use crate::answer::AWAY_SECONDS;
use crate::{Asked, Gate};

/// `GET` of a receipt.
pub(crate) async fn receipt(State(gate): State<Arc<Gate>>, request: Request) -> Result<Response, Failure> {
    let path = path_sent(request.uri(), request.extensions()).to_owned();
    let (parts, _no_body) = request.into_parts();
    let shown = gate.receipt_of(&path, &parts.headers).await?;
    Ok(([(CACHE_CONTROL, "private, no-store")], Json(shown)).into_response())
}

impl Gate {
    async fn receipt_of(&self, path: &str, headers: &HeaderMap) -> Result<Value, Problem> {
        let url = self.url(path);
        let asked = Asked {
            method: "GET",
            url: &url,
            path_and_query: path,
            headers,
            body: None,
        };
        let identity = self.identify(&asked, None).await.map_err(|unproven| {
            let detail = format!("Nobody is proven to ask: {}.", unproven.detail);
            if unproven.is_away {
                return Problem::new(Code::Unavailable, detail).retry_after_seconds(AWAY_SECONDS.into());
            }
            Problem::new(Code::BadSignature, detail)
        })?;
        let identity = identity.ok_or_else(|| {
            let problem = Problem::new(Code::Unauthenticated, "A receipt is shown to the agent that has paid.");
            problem.hint("Say who asks, by a claim for this address or by Web Bot Auth.")
        })?;
        // What was signed for a page of another host with the same path, or for all pages, opens nothing here.
        if identity.binding != Binding::Url {
            return Err(Problem::new(
                Code::BadSignature,
                "The claim has to name this whole URL.",
            ));
        }
        let (agent, now) = (identity.agent.as_str(), self.now());
        let spent = self
            .replays()
            .spend(agent, &identity.replay_key, identity.kept_until, now);
        if !spent.await? {
            return Err(Problem::new(
                Code::BadSignature,
                "This claim was used before: sign a new one.",
            ));
        }
        let name = path.strip_prefix(RECEIPTS_PATH).unwrap_or_default();
        let shown = self.till().receipt(name, agent).await?;
        shown.ok_or_else(|| Problem::new(Code::NotFound, "There is no such receipt of this agent's."))
    }
}

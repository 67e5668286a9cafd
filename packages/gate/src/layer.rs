use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use imajin_web::path_sent;

use crate::answer::url_path;
use crate::sum::SumWish;
use crate::{Admitted, Asked, Charged, Gate, Judgement, Refused};

/// Middleware for the routes of one's own axum application: what is inside is reached as the policy says.
/// `axum::middleware::from_fn_with_state(gate, gated)` makes a layer of it.
///
/// The handler finds who asks as an `Arc<`[`Admitted`]`>` in the extensions. What has a price is charged once the
/// handler has answered with 2xx, and before the answer leaves; another answer costs nothing.
pub async fn gated(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let path = path_sent(request.uri(), request.extensions()).to_owned();
    let url = gate.url(&path);
    let (mut request, body) = match gate.body_read(request).await {
        Ok(read) => read,
        Err(refused) => return gate.refuse_and_record(&url, &refused).await,
    };
    let asked = Asked {
        method: request.method().as_str(),
        url: &url,
        path_and_query: &path,
        headers: request.headers(),
        body: body.as_deref(),
    };
    let sum = SumWish::of(&request);
    match gate.judge(&asked).await {
        Judgement::Admitted(admitted) if admitted.charge.is_some() && !gate.is_dry() && asked.wants_upgrade() => {
            let refused = Refused::of_upgrade(&admitted);
            gate.refuse_and_record(&url, &refused).await
        }
        Judgement::Admitted(admitted) => {
            let admitted = Arc::new(*admitted);
            request.extensions_mut().insert(Arc::clone(&admitted));
            let (response, digest) = sum.summed(next.run(request).await, admitted.visitor).await;
            let response = gate.settle((&url, digest.as_deref()), &admitted, response).await;
            if digest.is_some() {
                return response;
            }
            sum.trailed(&gate, url, response)
        }
        Judgement::Refused(refused) if gate.is_dry() => {
            let mut response = next.run(request).await;
            gate.mark_dry_refused(&mut response, &refused);
            gate.record_refused(&url, &refused, response.status().as_u16()).await;
            response
        }
        Judgement::Refused(refused) => gate.refuse_and_record(&url, &refused).await,
    }
}

impl Gate {
    /// Charges for an answer that is a good one, and says so in it; `digest` is that of the body, where it is known.
    pub(crate) async fn settle(
        &self,
        (url, digest): (&str, Option<&str>),
        admitted: &Admitted,
        mut response: Response,
    ) -> Response {
        let charge = admitted.charge.as_ref().filter(|_| response.status().is_success());
        let charged: Option<Charged> = match charge.filter(|_| !self.is_dry()) {
            None => None,
            Some(charge) => match self.till().charge(charge).await {
                Ok(charged) => Some(charged),
                // The answer is not read by anybody who has not paid for it.
                Err(problem) => {
                    let mut refused = Refused::of_problem(&problem, admitted.visitor);
                    refused.identity.clone_from(&admitted.identity);
                    refused.feedback.clone_from(&admitted.feedback);
                    return self.refuse_and_record(url, &refused).await;
                }
            },
        };
        self.cached_as_sold(response.headers_mut(), url_path(url)).await;
        self.mark(&mut response, (url, digest), admitted, charged.as_ref());
        if let Some(charge) = charge.filter(|_| charged.is_some()) {
            self.mark_fair(response.headers_mut(), charge).await;
        }
        if self.is_dry() {
            Self::mark_dry(&mut response);
        }
        let status = response.status().as_u16();
        self.record_admitted(url, admitted, charged.as_ref(), status).await;
        response
    }

    pub(crate) async fn refuse_and_record(&self, url: &str, refused: &Refused) -> Response {
        let response = self.refuse(refused);
        self.record_refused(url, refused, response.status().as_u16()).await;
        response
    }
}

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::{OriginalUri, Request};
use axum::response::Response;
use tower::{Layer, Service};

use crate::{Admitted, Asked, Charged, Gate, Judgement, Refused};

/// A layer for the routes of one's own axum application: what is inside is reached as the policy says.
///
/// The handler finds who asks as an `Arc<`[`Admitted`]`>` in the extensions. What has a price is charged once the
/// handler has answered with 2xx, and before the answer leaves; another answer costs nothing.
#[derive(Clone)]
pub struct GateLayer(Arc<Gate>);

impl GateLayer {
    /// The layer of a gate.
    pub const fn new(gate: Arc<Gate>) -> Self {
        Self(gate)
    }
}

impl<S> Layer<S> for GateLayer {
    type Service = GateService<S>;

    fn layer(&self, inner: S) -> GateService<S> {
        GateService {
            inner,
            gate: Arc::clone(&self.0),
        }
    }
}

/// A service within a [`GateLayer`].
#[derive(Clone)]
pub struct GateService<S> {
    inner: S,
    gate: Arc<Gate>,
}

type Answering = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

impl<S> Service<Request> for GateService<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Answering {
        let spare = self.inner.clone();
        // The one that was polled is ready, its clone need not be.
        let mut inner = std::mem::replace(&mut self.inner, spare);
        let gate = Arc::clone(&self.gate);
        Box::pin(async move {
            let path = path_of(&request);
            let url = gate.url(&path);
            let judgement = {
                let asked = Asked {
                    method: request.method().as_str(),
                    url: &url,
                    path_and_query: &path,
                    headers: request.headers(),
                };
                gate.judge(&asked).await
            };
            match judgement {
                Judgement::Admitted(admitted) => {
                    let admitted = Arc::new(*admitted);
                    let mut request = request;
                    request.extensions_mut().insert(Arc::clone(&admitted));
                    let response = inner.call(request).await?;
                    Ok(gate.settle(&url, &admitted, response).await)
                }
                Judgement::Refused(refused) if gate.is_dry() => {
                    let mut response = inner.call(request).await?;
                    Gate::mark_dry(&mut response, Some(&refused));
                    gate.record_refused(&url, &refused, response.status().as_u16()).await;
                    Ok(response)
                }
                Judgement::Refused(refused) => Ok(gate.refuse_and_record(&url, &refused).await),
            }
        })
    }
}

impl Gate {
    /// Charges for an answer that is a good one, and says so in it.
    pub(crate) async fn settle(&self, url: &str, admitted: &Admitted, mut response: Response) -> Response {
        let charge = admitted.charge.as_ref().filter(|_| response.status().is_success());
        let charged: Option<Charged> = match charge.filter(|_| !self.is_dry()) {
            None => None,
            Some(charge) => match self.till().charge(charge).await {
                Ok(charged) => Some(charged),
                // The answer is not read by anybody who has not paid for it.
                Err(problem) => {
                    let mut refused = Refused::of_problem(&problem, admitted.visitor);
                    refused.identity.clone_from(&admitted.identity);
                    return self.refuse_and_record(url, &refused).await;
                }
            },
        };
        self.mark(&mut response, url, admitted, charged.as_ref());
        if self.is_dry() {
            Self::mark_dry(&mut response, None);
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

/// The path and query as they were sent, also where the application is nested in another.
fn path_of(request: &Request) -> String {
    let original = request.extensions().get::<OriginalUri>();
    let uri = original.map_or(request.uri(), |original| &original.0);
    uri.path_and_query()
        .map_or("/", http::uri::PathAndQuery::as_str)
        .to_owned()
}

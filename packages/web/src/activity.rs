//! Whether anything happens on a connection.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::Response;
use hyper::body::{Frame, SizeHint};
use tokio::sync::watch;

/// What is known about the requests of one connection.
#[derive(Debug, Clone, Copy, Default)]
struct Requests {
    begun: bool,
    open: usize,
}

/// Counts the requests of a connection that are not answered to their end yet.
#[derive(Debug, Clone)]
pub(crate) struct Activity(Arc<watch::Sender<Requests>>);

/// One of these requests.
struct OpenRequest(Activity);

impl Activity {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Requests::default())))
    }

    /// A request begins; it ends with the body of its answer.
    pub(crate) fn begin(&self) -> impl FnOnce(Response<Body>) -> Response<Body> + Send + use<> {
        self.0.send_modify(|requests| {
            requests.begun = true;
            requests.open = requests.open.saturating_add(1);
        });
        let open = OpenRequest(self.clone());
        move |response| response.map(|body| Body::new(AnswerBody { body, _open: open }))
    }

    /// Returns when nobody has asked anything for too long: `first` counts until the first request, `idle` between the
    /// later ones.
    pub(crate) async fn silence(&self, first: Duration, idle: Duration) {
        let mut requests = self.0.subscribe();
        loop {
            let now = *requests.borrow_and_update();
            let patience = if now.begun { idle } else { first };
            let changed = requests.changed();
            if now.open > 0 {
                let _sender_lives = changed.await;
            } else if tokio::time::timeout(patience, changed).await.is_err() {
                return;
            }
        }
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.0
            .0
            .send_modify(|requests| requests.open = requests.open.saturating_sub(1));
    }
}

/// The body of an answer, whose end is the end of the request.
struct AnswerBody {
    body: Body,
    _open: OpenRequest,
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

//! Bodies that come too slowly.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use http::Request;
use hyper::body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

/// Each so many bytes give a body a second more.
const BYTES_PER_SECOND_MIN: u64 = 64 * 1024;

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
#[error("the body came too slowly")]
struct TooSlow;

/// A body that must come within a time: whoever sends it a byte at a time holds nothing open.
struct PacedBody {
    body: Body,
    started: Instant,
    grace: Duration,
    read_bytes: u64,
    deadline: Pin<Box<Sleep>>,
}

/// Gives the body of a request its deadline; a request without a body costs nothing.
pub(crate) fn paced(request: Request<Body>, grace: Duration) -> Request<Body> {
    if request.body().is_end_stream() {
        return request;
    }
    request.map(|body| {
        Body::new(PacedBody {
            body,
            started: Instant::now(),
            grace,
            read_bytes: 0,
            deadline: Box::pin(sleep(grace)),
        })
    })
}

/// Whether a body could not be read because its time was over.
pub(crate) fn is_too_slow(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |cause| cause.source());
    causes.any(<dyn std::error::Error>::is::<TooSlow>)
}

impl HttpBody for PacedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                self.read_bytes = self
                    .read_bytes
                    .saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
                let earned = Duration::from_secs(self.read_bytes / BYTES_PER_SECOND_MIN);
                let until = self.started + self.grace.saturating_add(earned);
                self.deadline.as_mut().reset(until);
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Pending => self
                .deadline
                .as_mut()
                .poll(context)
                .map(|()| Some(Err(axum::Error::new(TooSlow)))),
            ended @ Poll::Ready(_) => ended,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

use std::sync::{Arc, Mutex};

use imajin_kernel::id::ReceiptId;
use tokio::sync::oneshot;

use crate::StreamClose;

/// Says in the extensions of a response that its body is a stream of events, to be signed at its end.
///
/// The handler keeps the [`StreamCloser`] and uses it when the last piece of the body is sent and the exchange is
/// settled. A closer that is dropped leaves the stream without its last event, which tells the reader that it was cut.
#[derive(Debug, Clone)]
pub struct StreamedAnswer {
    pub(crate) receipt: Option<ReceiptId>,
    closed: Arc<Mutex<Option<oneshot::Receiver<StreamClose>>>>,
}

/// Ends a streamed answer.
#[derive(Debug)]
pub struct StreamCloser(oneshot::Sender<StreamClose>);

impl StreamedAnswer {
    /// An answer for which this receipt is reserved.
    pub fn new(receipt: Option<ReceiptId>) -> (Self, StreamCloser) {
        let (sender, receiver) = oneshot::channel();
        let answer = Self {
            receipt,
            closed: Arc::new(Mutex::new(Some(receiver))),
        };
        (answer, StreamCloser(sender))
    }

    /// How it ended; `None` when nobody says.
    pub(crate) async fn closed(&self) -> Option<StreamClose> {
        let receiver = self.closed.lock().ok()?.take()?;
        receiver.await.ok()
    }
}

impl StreamCloser {
    /// Says how the answer ended. Whether anybody is still there to read it does not matter here.
    pub fn close(self, close: StreamClose) {
        let _nobody_reads = self.0.send(close);
    }
}

//! Bytes on their way to readers: in constant memory, and never for longer than the reader takes them.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use imajin_kernel::{Code, Problem};
use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

/// How much is read at once. A reader that is slow holds two of these in memory.
const CHUNK_BYTES: usize = 64 * 1024;
const CHUNKS_WAITING: usize = 1;
/// A reader that takes nothing for so long is left: 64 KiB in half a minute is slower than any line.
const STALLED_AFTER: Duration = Duration::from_secs(30);
/// How many readers are served at once.
const DOWNLOADS_MAX: usize = 256;
/// How many of them may be one and the same, or nobody in particular.
const DOWNLOADS_EACH_MAX: usize = 16;
const STRANGERS_MAX: usize = 64;

/// The readers that are being served.
#[derive(Clone, Default)]
pub(crate) struct Downloads {
    readers: Arc<Mutex<HashMap<String, usize>>>,
    tasks: TaskTracker,
}

/// A place among the readers.
pub(crate) struct Place {
    readers: Arc<Mutex<HashMap<String, usize>>>,
    reader: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = readers.get_mut(&self.reader) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                readers.remove(&self.reader);
            }
        }
    }
}

impl Downloads {
    /// A place for a reader; an empty name stands for all strangers.
    pub(crate) fn place(&self, reader: &str) -> Result<Place, Problem> {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = readers.values().sum();
        let own = readers.get(reader).copied().unwrap_or(0);
        let most = if reader.is_empty() {
            STRANGERS_MAX
        } else {
            DOWNLOADS_EACH_MAX
        };
        if all >= DOWNLOADS_MAX || own >= most {
            let problem = Problem::new(Code::Unavailable, "Too many works are being read at once.");
            return Err(problem.hint("Finish one first, then try again.").retry_after_seconds(5));
        }
        readers.insert(reader.to_owned(), own.saturating_add(1));
        Ok(Place {
            readers: Arc::clone(&self.readers),
            reader: reader.to_owned(),
        })
    }

    /// A part of a file as a body. The file and the place are free again when the reader has it, or leaves, or stalls.
    pub(crate) fn body(&self, file: File, first: u64, length: u64, place: Place) -> Body {
        let (sender, receiver) = mpsc::channel(CHUNKS_WAITING);
        self.tasks.spawn(async move {
            let _place = place;
            if let Err(error) = send(file, first, length, &sender).await {
                tracing::warn!(%error, "a work could not be read from disk");
                // The reader sees that the end is missing.
                let _gone = sender.try_send(Err(error));
            }
        });
        Body::from_stream(stream::unfold(receiver, |mut receiver| async {
            receiver.recv().await.map(|chunk| (chunk, receiver))
        }))
    }
}

async fn send(file: File, first: u64, length: u64, to: &mpsc::Sender<io::Result<Bytes>>) -> io::Result<()> {
    let mut file = tokio::fs::File::from_std(file);
    file.seek(SeekFrom::Start(first)).await?;
    let mut file = file.take(length);
    loop {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        let mut piece = (&mut file).take(u64::try_from(CHUNK_BYTES).unwrap_or(u64::MAX));
        if piece.read_to_end(&mut chunk).await? == 0 {
            return Ok(());
        }
        match tokio::time::timeout(STALLED_AFTER, to.send(Ok(Bytes::from(chunk)))).await {
            Ok(Ok(())) => {}
            // The reader has left, or takes nothing any more.
            Ok(Err(_)) | Err(_) => return Ok(()),
        }
    }
}

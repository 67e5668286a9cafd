//! Bytes on their way to readers: in constant memory, and never for longer than the reader takes them.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

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
/// How many readers are served at once, and how many of them without having paid: who has, finds a place.
const DOWNLOADS_MAX: usize = 256;
const UNPAID_MAX: usize = 160;
/// How many of them may be one and the same, or nobody in particular: a key that is registered nowhere is nobody's.
const DOWNLOADS_EACH_MAX: usize = 16;
const STRANGERS_MAX: usize = 64;
/// How fast a reader is at least.
const PACE: Pace = Pace {
    after: Duration::from_mins(1),
    bytes_per_second_min: 16 * 1024,
};

/// How fast a reader has to be on the average, after some time: whoever takes a byte now and then keeps a place from
/// others.
#[derive(Debug, Clone, Copy)]
struct Pace {
    after: Duration,
    bytes_per_second_min: u64,
}

impl Pace {
    fn is_kept(self, since: Instant, bytes: u64) -> bool {
        let elapsed = since.elapsed();
        elapsed < self.after || bytes >= elapsed.as_secs().saturating_mul(self.bytes_per_second_min)
    }
}

/// Who reads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Reader {
    /// Somebody who has paid for what they read.
    Payer(String),
    /// Somebody who is registered.
    Known(String),
    /// Anybody else.
    Stranger,
}

/// The readers that are being served.
#[derive(Clone, Default)]
pub(crate) struct Downloads {
    readers: Arc<Mutex<HashMap<Reader, usize>>>,
    tasks: TaskTracker,
}

/// A place among the readers.
pub(crate) struct Place {
    readers: Arc<Mutex<HashMap<Reader, usize>>>,
    reader: Reader,
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
    /// A place for a reader.
    pub(crate) fn place(&self, reader: Reader) -> Result<Place, Problem> {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let has_paid = |reader: &Reader| matches!(reader, Reader::Payer(_));
        let all: usize = readers.values().sum();
        let unpaid: usize = readers
            .iter()
            .filter(|(one, _)| !has_paid(one))
            .map(|(_, count)| count)
            .sum();
        let own = readers.get(&reader).copied().unwrap_or(0);
        let most = match reader {
            Reader::Stranger => STRANGERS_MAX,
            Reader::Payer(_) | Reader::Known(_) => DOWNLOADS_EACH_MAX,
        };
        if all >= DOWNLOADS_MAX || own >= most || (unpaid >= UNPAID_MAX && !has_paid(&reader)) {
            let problem = Problem::new(Code::Unavailable, "Too many works are being read at once.");
            return Err(problem.hint("Finish one first, then try again.").retry_after_seconds(5));
        }
        readers.insert(reader.clone(), own.saturating_add(1));
        Ok(Place {
            readers: Arc::clone(&self.readers),
            reader,
        })
    }

    /// A part of a file as a body. The file and the place are free again when the reader has it, or leaves, or is too
    /// slow.
    pub(crate) fn body(&self, file: File, first: u64, length: u64, place: Place) -> Body {
        let (sender, receiver) = mpsc::channel(CHUNKS_WAITING);
        self.tasks.spawn(async move {
            let _place = place;
            if let Err(error) = send(file, (first, length), &sender, PACE).await {
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

async fn send(
    file: File,
    (first, length): (u64, u64),
    to: &mpsc::Sender<io::Result<Bytes>>,
    pace: Pace,
) -> io::Result<()> {
    let (since, mut bytes) = (Instant::now(), 0_u64);
    let mut file = tokio::fs::File::from_std(file);
    file.seek(SeekFrom::Start(first)).await?;
    let mut file = file.take(length);
    loop {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        let mut piece = (&mut file).take(u64::try_from(CHUNK_BYTES).unwrap_or(u64::MAX));
        if piece.read_to_end(&mut chunk).await? == 0 {
            return Ok(());
        }
        bytes = bytes.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        match tokio::time::timeout(STALLED_AFTER, to.send(Ok(Bytes::from(chunk)))).await {
            Ok(Ok(())) if pace.is_kept(since, bytes) => {}
            // The reader has left, or takes nothing any more, or hardly anything.
            Ok(Ok(()) | Err(_)) | Err(_) => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn who_has_paid_finds_a_place_however_many_keys_somebody_makes() {
        let downloads = Downloads::default();
        let strangers: Vec<Place> = std::iter::from_fn(|| downloads.place(Reader::Stranger).ok()).collect();
        assert_eq!(strangers.len(), STRANGERS_MAX);
        let known = (0..1_000).map(|number| Reader::Known(format!("did:key:z{number}")));
        let known: Vec<Place> = known.filter_map(|reader| downloads.place(reader).ok()).collect();
        assert_eq!(known.len(), UNPAID_MAX - STRANGERS_MAX);
        let payer = || Reader::Payer("did:key:zada".to_owned());
        let paid: Vec<Place> = std::iter::from_fn(|| downloads.place(payer()).ok()).collect();
        assert_eq!(paid.len(), DOWNLOADS_EACH_MAX);
        drop(strangers);
        downloads.place(Reader::Stranger).unwrap();
    }

    #[tokio::test]
    async fn a_reader_who_takes_hardly_anything_is_left() {
        let read = async |pace: Pace, pause: Duration| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&vec![7; CHUNK_BYTES * 20]).unwrap();
            let (sender, mut receiver) = mpsc::channel(CHUNKS_WAITING);
            let sending = async move {
                send(file, (0, u64::MAX), &sender, pace).await.unwrap();
            };
            let reading = async {
                let mut bytes = 0;
                while let Some(chunk) = receiver.recv().await {
                    bytes += chunk.unwrap().len();
                    tokio::time::sleep(pause).await;
                }
                bytes
            };
            tokio::join!(sending, reading).1
        };
        let strict = Pace {
            after: Duration::from_secs(1),
            bytes_per_second_min: u64::MAX,
        };
        let slow = Duration::from_millis(150);
        assert!(read(strict, slow).await < CHUNK_BYTES * 20);
        assert_eq!(
            read(strict, Duration::ZERO).await,
            CHUNK_BYTES * 20,
            "it was over before"
        );
        assert_eq!(read(PACE, slow).await, CHUNK_BYTES * 20);
    }
}

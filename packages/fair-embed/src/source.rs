use std::io::{self, Read, Seek, SeekFrom};

use crate::bytes::long;
use crate::error::Fault;
use crate::limits::{BLOCK_BYTES_MAX, OPENING_BYTES_MAX};

/// A file, or what acts like one.
pub trait ReadSeek: Read + Seek {}

impl<T: Read + Seek + ?Sized> ReadSeek for T {}

/// A file that is read piece by piece. No piece is longer than the limits, whatever the file says about itself.
pub(crate) struct Source<'a> {
    inner: &'a mut dyn ReadSeek,
    length: u64,
}

/// The most that is read at once: a block, or the opening of a file with a block in it.
const PIECE_BYTES_MAX: usize = BLOCK_BYTES_MAX + OPENING_BYTES_MAX;

impl<'a> Source<'a> {
    pub(crate) fn new(inner: &'a mut dyn ReadSeek) -> io::Result<Self> {
        let length = inner.seek(SeekFrom::End(0))?;
        Ok(Self { inner, length })
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Fills `buffer` from `at` on; the file must be that long.
    pub(crate) fn fill(&mut self, at: u64, buffer: &mut [u8]) -> Result<(), Fault> {
        let end = at.checked_add(long(buffer.len()));
        if end.is_none_or(|end| end > self.length) {
            return Err(Fault::malformed(format!(
                "it ends after {} bytes, in the middle of something",
                self.length
            )));
        }
        self.inner.seek(SeekFrom::Start(at))?;
        self.inner.read_exact(buffer)?;
        Ok(())
    }

    /// So many bytes from `at` on. The length is checked before anything is allocated.
    pub(crate) fn bytes(&mut self, at: u64, count: usize) -> Result<Vec<u8>, Fault> {
        if count > PIECE_BYTES_MAX {
            return Err(Fault::malformed(format!("{count} bytes in one piece are too many")));
        }
        if long(count) > self.length.saturating_sub(at) {
            return Err(Fault::malformed(format!(
                "it ends after {} bytes, in the middle of something",
                self.length
            )));
        }
        let mut buffer = vec![0; count];
        self.fill(at, &mut buffer)?;
        Ok(buffer)
    }

    /// So many bytes from `at` on, or as many as there are.
    pub(crate) fn bytes_up_to(&mut self, at: u64, count: usize) -> Result<Vec<u8>, Fault> {
        let left = usize::try_from(self.length.saturating_sub(at)).unwrap_or(usize::MAX);
        self.bytes(at, count.min(left))
    }

    /// The last bytes, at most so many, and where they begin.
    pub(crate) fn tail(&mut self, count: usize) -> Result<(u64, Vec<u8>), Fault> {
        let start = self.length.saturating_sub(long(count));
        Ok((start, self.bytes_up_to(start, count)?))
    }

    /// A fixed number of bytes.
    pub(crate) fn array<const N: usize>(&mut self, at: u64) -> Result<[u8; N], Fault> {
        let mut buffer = [0; N];
        self.fill(at, &mut buffer)?;
        Ok(buffer)
    }
}

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;

use aws_lc_rs::digest::{Context, SHA256};

use crate::bytes::long;
use crate::error::Fault;
use crate::limits::COPY_BYTES;
use crate::source::Source;

/// How a file is made out of another: ranges of the other to copy, and bytes to put between them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Copy(Range<u64>),
    Bytes(Vec<u8>),
}

/// A change: what stood in `range` becomes `bytes`. An empty range inserts, no bytes delete.
#[derive(Debug)]
pub(crate) struct Edit {
    range: Range<u64>,
    bytes: Vec<u8>,
}

impl Edit {
    pub(crate) fn insert(at: u64, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            range: at..at,
            bytes: bytes.into(),
        }
    }

    pub(crate) fn delete(range: Range<u64>) -> Self {
        let bytes = Vec::new();
        Self { range, bytes }
    }

    /// Overwrites as many bytes as are given.
    pub(crate) fn overwrite(at: u64, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        let range = at..at.saturating_add(long(bytes.len()));
        Self { range, bytes }
    }
}

impl Piece {
    fn length(&self) -> u64 {
        match self {
            Self::Copy(range) => range.end.saturating_sub(range.start),
            Self::Bytes(bytes) => long(bytes.len()),
        }
    }

    fn slice(&self, from: u64, length: u64) -> Self {
        match self {
            Self::Copy(range) => {
                let start = range.start.saturating_add(from);
                Self::Copy(start..start.saturating_add(length).min(range.end))
            }
            Self::Bytes(bytes) => {
                let from = usize::try_from(from).unwrap_or(usize::MAX);
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                Self::Bytes(bytes.iter().skip(from).take(length).copied().collect())
            }
        }
    }
}

impl Layout {
    /// The other file as it is.
    pub(crate) fn whole(length: u64) -> Self {
        Self::default().copy(0..length)
    }

    /// The other file with changes, which must be in ascending order and apart.
    pub(crate) fn edited(length: u64, edits: Vec<Edit>) -> Result<Self, Fault> {
        let mut layout = Self::default();
        let mut at = 0;
        for edit in edits {
            if edit.range.start < at || edit.range.end < edit.range.start || edit.range.end > length {
                return Err(Fault::malformed("its parts overlap"));
            }
            layout = layout.copy(at..edit.range.start);
            if !edit.bytes.is_empty() {
                layout.pieces.push(Piece::Bytes(edit.bytes));
            }
            at = edit.range.end;
        }
        Ok(layout.copy(at..length))
    }

    fn copy(mut self, range: Range<u64>) -> Self {
        if range.start < range.end {
            self.pieces.push(Piece::Copy(range));
        }
        self
    }

    /// How long the file is.
    pub fn length(&self) -> u64 {
        self.pieces.iter().map(Piece::length).fold(0, u64::saturating_add)
    }

    /// This layout over a file that is itself laid out over another.
    pub(crate) fn over(&self, inner: &Self) -> Self {
        let mut pieces = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Copy(range) => pieces.extend(inner.slice(range)),
                Piece::Bytes(_) => pieces.push(piece.clone()),
            }
        }
        Self { pieces }
    }

    fn slice(&self, range: &Range<u64>) -> Vec<Piece> {
        let mut found = Vec::new();
        let mut start: u64 = 0;
        for piece in &self.pieces {
            let end = start.saturating_add(piece.length());
            let from = range.start.max(start);
            let to = range.end.min(end);
            if from < to {
                found.push(piece.slice(from - start, to - from));
            }
            start = end;
        }
        found
    }

    /// Hands out the file in order, in chunks of at most [`COPY_BYTES`].
    pub(crate) fn each_chunk(
        &self,
        source: &mut Source<'_>,
        mut each: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), Fault> {
        let mut buffer = vec![0; COPY_BYTES];
        for piece in &self.pieces {
            match piece {
                Piece::Bytes(bytes) => each(bytes)?,
                Piece::Copy(range) => {
                    let mut at = range.start;
                    while at < range.end {
                        let left = usize::try_from(range.end - at).unwrap_or(usize::MAX);
                        let count = left.min(COPY_BYTES);
                        let chunk = buffer.get_mut(..count).unwrap_or_default();
                        source.fill(at, chunk)?;
                        each(chunk)?;
                        at = at.saturating_add(long(count));
                    }
                }
            }
        }
        Ok(())
    }

    pub(crate) fn write_to(&self, source: &mut Source<'_>, out: &mut dyn Write) -> Result<(), Fault> {
        self.each_chunk(source, |chunk| out.write_all(chunk))
    }

    /// The SHA-256 of the file.
    pub(crate) fn sha256_hex(&self, source: &mut Source<'_>) -> Result<String, Fault> {
        let mut context = Context::new(&SHA256);
        self.each_chunk(source, |chunk| {
            context.update(chunk);
            Ok(())
        })?;
        Ok(hex::encode(context.finish()))
    }

    /// Whether two layouts over the same file give the same bytes. What both copy from the same place is not read.
    pub(crate) fn is_same_as(&self, other: &Self, source: &mut Source<'_>) -> Result<bool, Fault> {
        let length = self.length();
        if length != other.length() {
            return Ok(false);
        }
        let mut at: u64 = 0;
        while at < length {
            let (Some((mine, my_left)), Some((theirs, their_left))) = (self.piece_at(at), other.piece_at(at)) else {
                return Ok(false);
            };
            let mut count = my_left.min(their_left);
            let (mine, theirs) = (mine.slice_from_end(my_left), theirs.slice_from_end(their_left));
            let trivially = match (&mine, &theirs) {
                (Piece::Copy(one), Piece::Copy(other)) => one.start == other.start,
                _ => false,
            };
            if !trivially {
                count = count.min(long(COPY_BYTES));
                if mine.read(source, count)? != theirs.read(source, count)? {
                    return Ok(false);
                }
            }
            at = at.saturating_add(count);
        }
        Ok(true)
    }

    /// The piece that holds the byte at `at`, and how much of it is left from there.
    fn piece_at(&self, at: u64) -> Option<(&Piece, u64)> {
        let mut start: u64 = 0;
        for piece in &self.pieces {
            let end = start.saturating_add(piece.length());
            if at < end {
                return Some((piece, end - at));
            }
            start = end;
        }
        None
    }
}

impl Piece {
    /// The last so many bytes of the piece. Bytes that are only compared are not worth a lifetime: they are few.
    fn slice_from_end(&self, left: u64) -> Self {
        self.slice(self.length().saturating_sub(left), left)
    }

    fn read(&self, source: &mut Source<'_>, count: u64) -> Result<Vec<u8>, Fault> {
        let length = usize::try_from(count).unwrap_or(usize::MAX);
        match self {
            Self::Copy(range) => source.bytes(range.start, length),
            Self::Bytes(bytes) => Ok(bytes.iter().take(length).copied().collect()),
        }
    }
}

/// A file that is laid out over another, to be read as if it were there.
pub(crate) struct View<'a, 'b> {
    layout: &'a Layout,
    source: &'a mut Source<'b>,
    at: u64,
}

impl<'a, 'b> View<'a, 'b> {
    pub(crate) fn new(layout: &'a Layout, source: &'a mut Source<'b>) -> Self {
        Self { layout, source, at: 0 }
    }
}

impl Read for View<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some((piece, left)) = self.layout.piece_at(self.at) else {
            return Ok(0);
        };
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let target = buffer.get_mut(..count).unwrap_or_default();
        let from = piece.length().saturating_sub(left);
        match piece {
            Piece::Copy(range) => match self.source.fill(range.start.saturating_add(from), target) {
                Ok(()) => {}
                Err(Fault::Io(error)) => return Err(error),
                Err(_) => return Err(io::ErrorKind::UnexpectedEof.into()),
            },
            Piece::Bytes(bytes) => {
                let from = usize::try_from(from).unwrap_or(usize::MAX);
                let rest = bytes.get(from..).unwrap_or_default();
                for (to, byte) in target.iter_mut().zip(rest) {
                    *to = *byte;
                }
            }
        }
        self.at = self.at.saturating_add(long(count));
        Ok(count)
    }
}

impl Seek for View<'_, '_> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        let target = match position {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(distance) => self.layout.length().checked_add_signed(distance),
            SeekFrom::Current(distance) => self.at.checked_add_signed(distance),
        };
        self.at = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

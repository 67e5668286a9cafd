//! WebP (RFC 9649): a chunk of our own at the end of the RIFF form, whose size grows by it.

use crate::bytes::{long, u32_le};
use crate::container::{Block, Container};
use crate::envelope::{unwrap, wrap};
use crate::error::Fault;
use crate::layout::{Edit, Layout};
use crate::limits::{BLOCK_BYTES_MAX, WEBP_CHUNKS_MAX};
use crate::name::Name;
use crate::source::Source;

const KIND: &[u8] = b"fair";
/// `RIFF`, the size, `WEBP`: the size counts from here on back to behind itself.
const CHUNKS_START: u64 = 12;
const SIZE_AT: u64 = 4;

#[derive(Debug)]
pub(crate) struct Webp;

/// Where the RIFF form ends, by the size that it states.
fn form_end(file: &mut Source<'_>) -> Result<u64, Fault> {
    let end = u64::from(u32::from_le_bytes(file.array(SIZE_AT)?)) + 8;
    if end < CHUNKS_START || end > file.length() {
        return Err(Fault::malformed("its stated size is not the one that it has"));
    }
    Ok(end)
}

/// Where the last chunk of the form begins, what it is, and how long its data is.
fn last_chunk(file: &mut Source<'_>, end: u64) -> Result<Option<(u64, [u8; 4], u32)>, Fault> {
    let mut last = None;
    let mut at = CHUNKS_START;
    for _ in 0..WEBP_CHUNKS_MAX {
        if at == end {
            return Ok(last);
        }
        let head: [u8; 8] = file.array(at)?;
        let ([a, b, c, d, ..], length) = (head, u32_le(&head, 4).unwrap_or_default());
        last = Some((at, [a, b, c, d], length));
        at = at.saturating_add(8 + u64::from(length) + u64::from(length % 2));
        if at > end {
            return Err(Fault::malformed("a chunk ends behind the form that holds it"));
        }
    }
    Err(Fault::malformed(format!("it has more than {WEBP_CHUNKS_MAX} chunks")))
}

impl Container for Webp {
    fn detect(&self, head: &[u8], _name: &Name) -> bool {
        head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP")
    }

    fn locate(&self, file: &mut Source<'_>) -> Result<Option<Block>, Fault> {
        let end = form_end(file)?;
        let Some((start, kind, length)) = last_chunk(file, end)? else {
            return Ok(None);
        };
        if kind != KIND {
            return Ok(None);
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > BLOCK_BYTES_MAX {
            return Err(Fault::damaged("it is longer than a manifest may be"));
        }
        let (_, text) = unwrap(&file.bytes(start + 8, length)?)?;
        let size = u32::try_from(start - 8).or(Err(Fault::damaged("its place is impossible")))?;
        let edits = vec![Edit::overwrite(SIZE_AT, size.to_le_bytes()), Edit::delete(start..end)];
        let original = Layout::edited(file.length(), edits)?;
        Ok(Some(Block { text, original }))
    }

    fn embed(&self, file: &mut Source<'_>, text: &str) -> Result<Layout, Fault> {
        let end = form_end(file)?;
        last_chunk(file, end)?.ok_or_else(|| Fault::malformed("it has no chunk"))?;
        let data = wrap('.', text);
        let length = u32::try_from(data.len()).or(Err(Fault::unsuitable("the manifest is too long for a chunk")))?;
        let padding: &[u8] = if data.len().is_multiple_of(2) { b"" } else { b"\0" };
        let chunk = [KIND, &length.to_le_bytes(), &data, padding].concat();
        let size = u32::try_from(end - 8 + long(chunk.len())).or(Err(Fault::unsuitable(
            "this WebP has no room for a manifest below 4 GiB",
        )))?;
        let edits = vec![Edit::overwrite(SIZE_AT, size.to_le_bytes()), Edit::insert(end, chunk)];
        Layout::edited(file.length(), edits)
    }
}

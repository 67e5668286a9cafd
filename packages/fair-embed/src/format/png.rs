//! PNG (W3C, third edition): an `iTXt` chunk of our own keyword right behind `IHDR`.

use crate::bytes::long;
use crate::container::{Block, Container};
use crate::crc::crc32;
use crate::envelope::{unwrap, wrap};
use crate::error::Fault;
use crate::layout::{Edit, Layout};
use crate::limits::BLOCK_BYTES_MAX;
use crate::name::Name;
use crate::source::Source;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// The length and the type of the chunk that comes first.
const HEADER: &[u8] = b"\0\0\0\x0dIHDR";
/// Behind signature and `IHDR`: 8 bytes, and 12 around 13.
const PLACE: u64 = 33;
const KIND: &[u8] = b"iTXt";
/// Keyword, not compressed, method 0, no language, no translated keyword.
const OPENING: &[u8] = b"fair\0\0\0\0\0";

#[derive(Debug)]
pub(crate) struct Png;

impl Container for Png {
    fn detect(&self, head: &[u8], _name: &Name) -> bool {
        head.starts_with(SIGNATURE)
    }

    fn locate(&self, file: &mut Source<'_>) -> Result<Option<Block>, Fault> {
        let head = file.bytes_up_to(PLACE, 8 + OPENING.len())?;
        let Some((length, rest)) = head.split_first_chunk::<4>() else {
            return Ok(None);
        };
        if rest.strip_prefix(KIND) != Some(OPENING) {
            return Ok(None);
        }
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if !(OPENING.len()..=BLOCK_BYTES_MAX).contains(&length) {
            return Err(Fault::damaged("its chunk has no length that a manifest can have"));
        }
        let data = file.bytes(PLACE + 8, length)?;
        let (_, text) = unwrap(data.strip_prefix(OPENING).unwrap_or_default())?;
        let end = PLACE + 12 + long(length);
        let original = Layout::edited(file.length(), vec![Edit::delete(PLACE..end)])?;
        Ok(Some(Block { text, original }))
    }

    fn embed(&self, file: &mut Source<'_>, text: &str) -> Result<Layout, Fault> {
        if file.array::<8>(8)? != HEADER {
            return Err(Fault::unsuitable("this PNG does not begin with IHDR"));
        }
        let data = [OPENING, &wrap('.', text)].concat();
        let length = u32::try_from(data.len()).or(Err(Fault::unsuitable("the manifest is too long for a chunk")))?;
        let sum = crc32(&[KIND, &data]);
        let chunk = [&length.to_be_bytes(), KIND, &data, &sum.to_be_bytes()].concat();
        Layout::edited(file.length(), vec![Edit::insert(PLACE, chunk)])
    }
}

//! FLAC (RFC 9639): an `APPLICATION` metadata block right behind `STREAMINFO`.

use crate::bytes::{long, stands_at};
use crate::container::{Block, Container};
use crate::envelope::{unwrap, wrap};
use crate::error::Fault;
use crate::layout::{Edit, Layout};
use crate::limits::BLOCK_BYTES_MAX;
use crate::name::Name;
use crate::source::Source;

const SIGNATURE: &[u8] = b"fLaC";
/// The type and length of `STREAMINFO`, which always comes first. The highest bit of its type says "last block".
const STREAM_INFO: [u8; 3] = [0, 0, 34];
const STREAM_INFO_AT: u64 = 4;
const PLACE: u64 = 42;
const APPLICATION: u8 = 2;
const LAST: u8 = 0x80;
const IDENTIFIER: &[u8] = b"fair";
const LENGTH_MAX: usize = 0x00ff_ffff;

#[derive(Debug)]
pub(crate) struct Flac;

impl Container for Flac {
    fn detect(&self, head: &[u8], _name: &Name) -> bool {
        head.starts_with(SIGNATURE)
    }

    fn locate(&self, file: &mut Source<'_>) -> Result<Option<Block>, Fault> {
        let head = file.bytes_up_to(PLACE, 8)?;
        let [kind, a, b, c, ..] = *head.as_slice() else {
            return Ok(None);
        };
        if kind & !LAST != APPLICATION || !stands_at(&head, 4, IDENTIFIER) {
            return Ok(None);
        }
        let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX);
        if !(IDENTIFIER.len()..=BLOCK_BYTES_MAX).contains(&length) {
            return Err(Fault::damaged("its block has no length that a manifest can have"));
        }
        let data = file.bytes(PLACE + 4, length)?;
        let (_, text) = unwrap(data.strip_prefix(IDENTIFIER).unwrap_or_default())?;
        // Whichever of the two blocks was the last one without ours is it again.
        let edits = vec![
            Edit::overwrite(STREAM_INFO_AT, [kind & LAST]),
            Edit::delete(PLACE..PLACE + 4 + long(length)),
        ];
        let original = Layout::edited(file.length(), edits)?;
        Ok(Some(Block { text, original }))
    }

    fn embed(&self, file: &mut Source<'_>, text: &str) -> Result<Layout, Fault> {
        let [kind, length @ ..]: [u8; 4] = file.array(STREAM_INFO_AT)?;
        if kind & !LAST != 0 || length != STREAM_INFO {
            return Err(Fault::malformed("its first block is no STREAMINFO"));
        }
        let data = [IDENTIFIER, &wrap('.', text)].concat();
        if data.len() > LENGTH_MAX {
            return Err(Fault::unsuitable("the manifest is too long for a metadata block"));
        }
        let [_, length @ ..] = u32::try_from(data.len()).unwrap_or(u32::MAX).to_be_bytes();
        let block = [&[APPLICATION | (kind & LAST)], length.as_slice(), &data].concat();
        let edits = vec![
            Edit::overwrite(STREAM_INFO_AT, [kind & !LAST]),
            Edit::insert(PLACE, block),
        ];
        Layout::edited(file.length(), edits)
    }
}

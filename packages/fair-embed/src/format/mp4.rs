//! MP4 and its relatives (ISO/IEC 14496-12): a `uuid` box at the top level, where it moves nothing that is pointed to.

use crate::bytes::{long, stands_at};
use crate::container::{Block, Container};
use crate::envelope::{MARK_BYTES, unwrap, wrap};
use crate::error::Fault;
use crate::layout::{Edit, Layout};
use crate::limits::{BLOCK_BYTES_MAX, MP4_BOXES_MAX};
use crate::name::Name;
use crate::source::Source;

const KIND: &[u8; 4] = b"uuid";
/// The index of fragments is looked for at the very end, so a box at the end goes in front of it.
const FRAGMENT_INDEX: &[u8; 4] = b"mfra";
/// Size, type, extended type.
const OPENING_BYTES: u64 = 24;

#[derive(Debug)]
pub(crate) struct Mp4;

struct Walk {
    /// Our box: where it begins and ends.
    ours: Option<(u64, u64)>,
    /// Where the last box begins, if it is an index of fragments.
    fragment_index: Option<u64>,
}

fn walk(file: &mut Source<'_>) -> Result<Walk, Fault> {
    let (mut ours, mut fragment_index) = (None, None);
    let mut at = 0;
    for _ in 0..MP4_BOXES_MAX {
        if at == file.length() {
            return Ok(Walk { ours, fragment_index });
        }
        let [a, b, c, d, kind @ ..]: [u8; 8] = file.array(at)?;
        let (size, least) = match u32::from_be_bytes([a, b, c, d]) {
            0 => {
                return Err(Fault::unsuitable(
                    "the last box of this file has no size of its own, so nothing can follow it",
                ));
            }
            1 => (u64::from_be_bytes(file.array(at + 8)?), 16),
            size => (u64::from(size), 8),
        };
        let end = at
            .checked_add(size)
            .filter(|end| *end <= file.length() && size >= least);
        let end = end.ok_or_else(|| Fault::malformed(format!("the box at byte {at} has an impossible size")))?;
        if &kind == KIND && size >= OPENING_BYTES && least == 8 && file.array(at + 8)? == MARK_BYTES {
            if ours.is_some() {
                return Err(Fault::damaged("it is there twice"));
            }
            ours = Some((at, end));
        }
        fragment_index = (&kind == FRAGMENT_INDEX).then_some(at);
        at = end;
    }
    Err(Fault::malformed(format!("it has more than {MP4_BOXES_MAX} boxes")))
}

impl Container for Mp4 {
    fn detect(&self, head: &[u8], _name: &Name) -> bool {
        stands_at(head, 4, b"ftyp")
    }

    fn locate(&self, file: &mut Source<'_>) -> Result<Option<Block>, Fault> {
        let Some((start, end)) = walk(file)?.ours else {
            return Ok(None);
        };
        let length = usize::try_from(end - start - OPENING_BYTES).unwrap_or(usize::MAX);
        if length > BLOCK_BYTES_MAX {
            return Err(Fault::damaged("it is longer than a manifest may be"));
        }
        let (_, text) = unwrap(&file.bytes(start + OPENING_BYTES, length)?)?;
        let original = Layout::edited(file.length(), vec![Edit::delete(start..end)])?;
        Ok(Some(Block { text, original }))
    }

    fn embed(&self, file: &mut Source<'_>, text: &str) -> Result<Layout, Fault> {
        let at = walk(file)?.fragment_index.unwrap_or(file.length());
        let data = wrap('.', text);
        let size = u32::try_from(OPENING_BYTES + long(data.len()))
            .or(Err(Fault::unsuitable("the manifest is too long for a box")))?;
        let bytes = [&size.to_be_bytes(), KIND.as_slice(), &MARK_BYTES, &data].concat();
        Layout::edited(file.length(), vec![Edit::insert(at, bytes)])
    }
}

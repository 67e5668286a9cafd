//! MP3: a `PRIV` frame at the beginning of the ID3 tag, version 2.3 or 2.4, or a tag of its own where there is none.

use crate::bytes::long;
use crate::container::{Block, Container};
use crate::envelope::{unwrap, wrap};
use crate::error::Fault;
use crate::layout::{Edit, Layout};
use crate::limits::BLOCK_BYTES_MAX;
use crate::name::Name;
use crate::source::Source;

const SIGNATURE: &[u8] = b"ID3";
/// `ID3`, version, revision, flags, and the size of what follows.
const HEADER_BYTES: u64 = 10;
const SIZE_AT: u64 = 6;
/// The frame's type, size and flags.
const FRAME_HEADER_BYTES: u64 = 10;
const KIND: &[u8] = b"PRIV";
const OWNER: &[u8] = b"application/fair+json\0";
/// The tag was there before.
const INTO_TAG: char = 't';
/// The tag came with the manifest.
const OWN_TAG: char = 'n';
/// Sizes that leave out the highest bit of each byte end here.
const SYNCHSAFE_MAX: u32 = 0x0fff_ffff;

#[derive(Debug)]
pub(crate) struct Mp3;

/// An `ID3v2` tag.
struct Tag {
    version: u8,
    flags: u8,
    size: u32,
}

impl Tag {
    fn read(file: &mut Source<'_>) -> Result<Option<Self>, Fault> {
        let head = file.bytes_up_to(0, 10)?;
        let Some([version, _, flags, size @ ..]) = head.strip_prefix(SIGNATURE) else {
            return Ok(None);
        };
        let Ok(size) = <[u8; 4]>::try_from(size) else {
            return Err(Fault::malformed("its tag ends in its header"));
        };
        let tag = Self {
            version: *version,
            flags: *flags,
            size: from_synchsafe(size).ok_or_else(|| Fault::malformed("its tag has an impossible size"))?,
        };
        if HEADER_BYTES + u64::from(tag.size) > file.length() {
            return Err(Fault::malformed("its tag ends behind the file"));
        }
        Ok(Some(tag))
    }

    fn frame_size(&self, bytes: [u8; 4]) -> Option<u32> {
        if self.version == 4 {
            from_synchsafe(bytes)
        } else {
            Some(u32::from_be_bytes(bytes))
        }
    }

    fn frame(&self, data: &[u8]) -> Result<Vec<u8>, Fault> {
        let size = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let size = if self.version == 4 {
            to_synchsafe(size)?
        } else {
            size.to_be_bytes()
        };
        Ok([KIND, &size, &[0, 0], data].concat())
    }
}

fn from_synchsafe(bytes: [u8; 4]) -> Option<u32> {
    let digits = bytes.iter().all(|byte| *byte < 0x80);
    let value = bytes.iter().fold(0_u32, |value, byte| (value << 7) | u32::from(*byte));
    digits.then_some(value)
}

fn to_synchsafe(value: u32) -> Result<[u8; 4], Fault> {
    if value > SYNCHSAFE_MAX {
        return Err(Fault::unsuitable("the ID3 tag of this file is full"));
    }
    let byte = |shift: u32| u8::try_from((value >> shift) & 0x7f).unwrap_or(0x7f);
    Ok([byte(21), byte(14), byte(7), byte(0)])
}

impl Container for Mp3 {
    fn detect(&self, head: &[u8], name: &Name) -> bool {
        let frame = matches!(head, [0xff, second, ..] if second & 0xe0 == 0xe0 && second & 0x06 != 0);
        head.starts_with(SIGNATURE) || (frame && name.ends_in(&["mp3", "mp2", "mpga"]))
    }

    fn locate(&self, file: &mut Source<'_>) -> Result<Option<Block>, Fault> {
        let Some(tag) = Tag::read(file)? else {
            return Ok(None);
        };
        let head = file.bytes_up_to(HEADER_BYTES, 10 + OWNER.len())?;
        let Some((size, rest)) = head.strip_prefix(KIND).and_then(|rest| rest.split_first_chunk::<4>()) else {
            return Ok(None);
        };
        if !rest.ends_with(OWNER) {
            return Ok(None);
        }
        let length = tag.frame_size(*size).and_then(|size| usize::try_from(size).ok());
        let length = length.filter(|length| (OWNER.len()..=BLOCK_BYTES_MAX).contains(length));
        let length = length.ok_or_else(|| Fault::damaged("its frame has no length that a manifest can have"))?;
        let data = file.bytes(HEADER_BYTES + FRAME_HEADER_BYTES, length)?;
        let (mode, text) = unwrap(data.strip_prefix(OWNER).unwrap_or_default())?;
        let end = HEADER_BYTES + FRAME_HEADER_BYTES + long(length);
        let rest = (HEADER_BYTES + u64::from(tag.size)).checked_sub(end);
        let rest = rest.and_then(|rest| u32::try_from(rest).ok());
        let rest = rest.ok_or_else(|| Fault::damaged("it ends behind its tag"))?;
        let edits = if char::from(mode) == OWN_TAG {
            vec![Edit::delete(0..end)]
        } else {
            vec![
                Edit::overwrite(SIZE_AT, to_synchsafe(rest)?),
                Edit::delete(HEADER_BYTES..end),
            ]
        };
        let original = Layout::edited(file.length(), edits)?;
        Ok(Some(Block { text, original }))
    }

    fn embed(&self, file: &mut Source<'_>, text: &str) -> Result<Layout, Fault> {
        let Some(tag) = Tag::read(file)? else {
            let tag = Tag {
                version: 3,
                flags: 0,
                size: 0,
            };
            let frame = tag.frame(&[OWNER, &wrap(OWN_TAG, text)].concat())?;
            let size = to_synchsafe(u32::try_from(frame.len()).unwrap_or(u32::MAX))?;
            let bytes = [SIGNATURE, &[tag.version, 0, tag.flags], &size, &frame].concat();
            return Layout::edited(file.length(), vec![Edit::insert(0, bytes)]);
        };
        if !matches!(tag.version, 3 | 4) {
            return Err(Fault::unsuitable(format!(
                "the ID3 tag of this file is of version 2.{}, and only 2.3 and 2.4 take a manifest",
                tag.version
            )));
        }
        // An extended header may hold a checksum, a footer repeats the size, and unsynchronised bytes are not what
        // they seem.
        if tag.flags != 0 {
            return Err(Fault::unsuitable(
                "the ID3 tag of this file has flags that forbid a change",
            ));
        }
        let frame = tag.frame(&[OWNER, &wrap(INTO_TAG, text)].concat())?;
        let size = u32::try_from(frame.len()).unwrap_or(u32::MAX).saturating_add(tag.size);
        let edits = vec![
            Edit::overwrite(SIZE_AT, to_synchsafe(size)?),
            Edit::insert(HEADER_BYTES, frame),
        ];
        Layout::edited(file.length(), edits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_leave_out_the_highest_bits() {
        assert_eq!(to_synchsafe(0x3fff).unwrap(), [0, 0, 0x7f, 0x7f]);
        assert_eq!(from_synchsafe([0, 0, 0x7f, 0x7f]), Some(0x3fff));
        assert_eq!(from_synchsafe([0x7f; 4]), Some(SYNCHSAFE_MAX));
        assert_eq!(from_synchsafe([0, 0, 0, 0x80]), None);
        assert!(to_synchsafe(SYNCHSAFE_MAX + 1).is_err());
    }
}

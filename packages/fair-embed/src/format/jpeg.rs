//! JPEG (ITU-T T.81): APP15 segments of our own behind the other application segments.

use crate::bytes::long;
use crate::container::{Block, Container};
use crate::envelope::{unwrap, wrap};
use crate::error::Fault;
use crate::layout::{Edit, Layout};
use crate::limits::{BLOCK_BYTES_MAX, JPEG_SEGMENTS_MAX};
use crate::name::Name;
use crate::source::Source;

const START_OF_IMAGE: &[u8] = b"\xff\xd8\xff";
const APP0: u8 = 0xe0;
const APP2: u8 = 0xe2;
const APP15: u8 = 0xef;
/// What our segments begin with; the number of the segment from 1 on and how many there are follow, a byte each.
const IDENTIFIER: &[u8] = b"application/fair+json\0";
/// A multi-picture index counts the distances to the other pictures from where it stands itself: nothing may come
/// between it and them.
const MULTI_PICTURE: &[u8] = b"MPF\0";
/// A segment's length counts itself, in two bytes.
const SEGMENT_DATA_MAX: usize = 0xffff - 2;

#[derive(Debug)]
pub(crate) struct Jpeg;

/// An application segment: where it begins and ends, and what kind it is.
struct Segment {
    start: u64,
    end: u64,
    kind: u8,
    opening: Vec<u8>,
}

impl Segment {
    fn is_ours(&self) -> bool {
        self.kind == APP15 && self.opening.starts_with(IDENTIFIER)
    }
}

/// The application segments before the image. They end at the first other marker.
fn segments(file: &mut Source<'_>) -> Result<Vec<Segment>, Fault> {
    let mut found = Vec::new();
    let mut at = 2;
    loop {
        let [0xff, kind @ APP0..=APP15, high, low] = file.array(at)? else {
            return Ok(found);
        };
        let length = u16::from_be_bytes([high, low]);
        let data = usize::from(length)
            .checked_sub(2)
            .ok_or_else(|| Fault::malformed(format!("a segment at byte {at} is shorter than its length")))?;
        if found.len() >= JPEG_SEGMENTS_MAX {
            return Err(Fault::malformed(format!(
                "it has more than {JPEG_SEGMENTS_MAX} segments before the image"
            )));
        }
        let end = at.saturating_add(2).saturating_add(u64::from(length));
        if end > file.length() {
            return Err(Fault::malformed(format!("a segment at byte {at} ends behind the file")));
        }
        let opening = file.bytes(at.saturating_add(4), data.min(IDENTIFIER.len()))?;
        found.push(Segment {
            start: at,
            end,
            kind,
            opening,
        });
        at = end;
    }
}

impl Container for Jpeg {
    fn detect(&self, head: &[u8], _name: &Name) -> bool {
        head.starts_with(START_OF_IMAGE)
    }

    fn locate(&self, file: &mut Source<'_>) -> Result<Option<Block>, Fault> {
        let segments = segments(file)?;
        let ours: Vec<&Segment> = segments.iter().filter(|segment| segment.is_ours()).collect();
        let (Some(first), Some(last)) = (ours.first(), ours.last()) else {
            return Ok(None);
        };
        let mut block = Vec::new();
        let mut at = first.start;
        for (index, segment) in ours.iter().enumerate() {
            let numbers = segment.start.saturating_add(4).saturating_add(long(IDENTIFIER.len()));
            let [number, count] = file.array(numbers)?;
            let in_order = usize::from(number) == index + 1 && usize::from(count) == ours.len();
            if !in_order || segment.start != at {
                return Err(Fault::damaged("its segments are not all there, in order and together"));
            }
            let length = usize::try_from(segment.end.saturating_sub(numbers.saturating_add(2))).unwrap_or(usize::MAX);
            if block.len().saturating_add(length) > BLOCK_BYTES_MAX {
                return Err(Fault::damaged("it is longer than a manifest may be"));
            }
            block.extend(file.bytes(numbers.saturating_add(2), length)?);
            at = segment.end;
        }
        let (_, text) = unwrap(&block)?;
        let original = Layout::edited(file.length(), vec![Edit::delete(first.start..last.end)])?;
        Ok(Some(Block { text, original }))
    }

    fn embed(&self, file: &mut Source<'_>, text: &str) -> Result<Layout, Fault> {
        let segments = segments(file)?;
        let index_of_pictures = |segment: &&Segment| segment.kind == APP2 && segment.opening.starts_with(MULTI_PICTURE);
        let at = match segments.iter().find(index_of_pictures) {
            Some(segment) => segment.start,
            None => segments.last().map_or(2, |segment| segment.end),
        };
        let block = wrap('.', text);
        let chunks: Vec<&[u8]> = block.chunks(SEGMENT_DATA_MAX - IDENTIFIER.len() - 2).collect();
        let count = u8::try_from(chunks.len()).or(Err(Fault::unsuitable("the manifest needs too many segments")))?;
        let mut bytes = Vec::with_capacity(block.len() + 64);
        for (number, chunk) in (1..=count).zip(chunks) {
            let length = u16::try_from(2 + IDENTIFIER.len() + 2 + chunk.len()).unwrap_or(u16::MAX);
            bytes.extend([0xff, APP15]);
            bytes.extend(length.to_be_bytes());
            bytes.extend(IDENTIFIER);
            bytes.extend([number, count]);
            bytes.extend(chunk);
        }
        Layout::edited(file.length(), vec![Edit::insert(at, bytes)])
    }
}

//! Ogg (RFC 3533): a logical stream of our own, multiplexed behind the first pages of the others. No page of another
//! stream changes, so neither do their numbers and checksums.

use crate::bytes::{array, long, u32_le};
use crate::container::{Block, Container};
use crate::crc::crc32_ogg;
use crate::envelope::{unwrap, wrap};
use crate::error::Fault;
use crate::layout::{Edit, Layout};
use crate::limits::{BLOCK_BYTES_MAX, OGG_STREAMS_MAX};
use crate::name::Name;
use crate::source::Source;

const CAPTURE: &[u8] = b"OggS";
const HEADER_BYTES: usize = 27;
const CONTINUED: u8 = 1;
const FIRST: u8 = 2;
const LAST: u8 = 4;
/// Our stream's number: the bytes `fair`.
const SERIAL: u32 = u32::from_le_bytes(*b"fair");
/// Our stream's first packet: its name and the version of this form.
const HELLO: &[u8] = b"fair\x01";
const SEGMENTS_MAX: usize = 255;
/// More pages than the longest manifest needs.
const PAGES_MAX: usize = 256;
const NOTHING_ENDS_HERE: u64 = u64::MAX;

#[derive(Debug)]
pub(crate) struct Ogg;

/// A page, without its data.
struct Page {
    flags: u8,
    serial: u32,
    data_at: u64,
    data_bytes: usize,
}

impl Page {
    fn read(file: &mut Source<'_>, at: u64) -> Result<Self, Fault> {
        let head: [u8; HEADER_BYTES] = file.array(at)?;
        if !head.starts_with(CAPTURE) {
            return Err(Fault::malformed(format!("there is no page at byte {at}")));
        }
        let [segments] = array(&head, 26).unwrap_or_default();
        let [flags] = array(&head, 5).unwrap_or_default();
        let lengths = file.bytes(at + long(HEADER_BYTES), usize::from(segments))?;
        Ok(Self {
            flags,
            serial: u32_le(&head, 14).unwrap_or_default(),
            data_at: at + long(HEADER_BYTES) + u64::from(segments),
            data_bytes: lengths.iter().copied().map(usize::from).sum(),
        })
    }

    fn end(&self) -> u64 {
        self.data_at.saturating_add(long(self.data_bytes))
    }

    fn data(&self, file: &mut Source<'_>) -> Result<Vec<u8>, Fault> {
        file.bytes(self.data_at, self.data_bytes)
    }
}

/// The first pages of the streams: where ours begins, and where they end.
fn first_pages(file: &mut Source<'_>) -> Result<(Option<u64>, u64), Fault> {
    let mut ours = None;
    let mut at = 0;
    for _ in 0..OGG_STREAMS_MAX {
        let page = Page::read(file, at)?;
        if page.flags & FIRST == 0 {
            return Ok((ours, at));
        }
        if page.serial == SERIAL {
            ours = Some(at);
        }
        at = page.end();
    }
    Err(Fault::malformed(format!("it has more than {OGG_STREAMS_MAX} streams")))
}

fn page(flags: u8, number: u32, granule: u64, lengths: &[u8], data: &[u8]) -> Vec<u8> {
    let count = u8::try_from(lengths.len()).unwrap_or(u8::MAX);
    let sum_at = 22;
    let mut page = [
        CAPTURE,
        &[0, flags],
        &granule.to_le_bytes(),
        &SERIAL.to_le_bytes(),
        &number.to_le_bytes(),
        &[0; 4],
        &[count],
        lengths,
        data,
    ]
    .concat();
    let sum = crc32_ogg(&page);
    if let Some(place) = page.get_mut(sum_at..sum_at + 4) {
        place.copy_from_slice(&sum.to_le_bytes());
    }
    page
}

/// Our stream: one page that says what it is, and one packet in as many pages as it needs.
fn stream(packet: &[u8]) -> Vec<u8> {
    let hello_length = u8::try_from(HELLO.len()).unwrap_or(u8::MAX);
    let mut bytes = page(FIRST, 0, 0, &[hello_length], HELLO);
    // A packet ends with its first segment of less than 255 bytes, which may be one of none.
    let mut lengths = vec![u8::MAX; packet.len() / 255];
    lengths.push(u8::try_from(packet.len() % 255).unwrap_or_default());
    let pages = lengths.len().div_ceil(SEGMENTS_MAX);
    let mut rest = packet;
    for (index, lengths) in lengths.chunks(SEGMENTS_MAX).enumerate() {
        let length: usize = lengths.iter().copied().map(usize::from).sum();
        let (data, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        rest = after;
        let is_last = index + 1 == pages;
        let flags = if index == 0 { 0 } else { CONTINUED } | if is_last { LAST } else { 0 };
        let granule = if is_last { 0 } else { NOTHING_ENDS_HERE };
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        bytes.extend(page(flags, number, granule, lengths, data));
    }
    bytes
}

impl Container for Ogg {
    fn detect(&self, head: &[u8], _name: &Name) -> bool {
        head.starts_with(CAPTURE)
    }

    fn locate(&self, file: &mut Source<'_>) -> Result<Option<Block>, Fault> {
        let (Some(start), _) = first_pages(file)? else {
            return Ok(None);
        };
        let first = Page::read(file, start)?;
        if first.data(file)? != HELLO {
            return Ok(None);
        }
        let mut at = first.end();
        let mut packet = Vec::new();
        let mut is_complete = false;
        for _ in 0..PAGES_MAX {
            let page = Page::read(file, at)?;
            if page.serial != SERIAL || page.flags & FIRST != 0 {
                return Err(Fault::damaged("its pages are not all there and together"));
            }
            packet.extend(page.data(file)?);
            if packet.len() > BLOCK_BYTES_MAX {
                return Err(Fault::damaged("it is longer than a manifest may be"));
            }
            at = page.end();
            is_complete = page.flags & LAST != 0;
            if is_complete {
                break;
            }
        }
        if !is_complete {
            return Err(Fault::damaged("its last page is missing"));
        }
        let (_, text) = unwrap(&packet)?;
        let original = Layout::edited(file.length(), vec![Edit::delete(start..at)])?;
        Ok(Some(Block { text, original }))
    }

    fn embed(&self, file: &mut Source<'_>, text: &str) -> Result<Layout, Fault> {
        let (taken, at) = first_pages(file)?;
        if taken.is_some() {
            return Err(Fault::unsuitable("a stream of this file has the number of ours"));
        }
        Layout::edited(file.length(), vec![Edit::insert(at, stream(&wrap('.', text)))])
    }
}

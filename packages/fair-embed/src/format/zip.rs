//! ZIP (APPNOTE 6.3) and what is made of it: a stored member in front of the central directory. Nothing that the
//! directory points to moves; its end record grows.

use crate::bytes::{find_last, long, stands_at, u16_le, u32_le};
use crate::container::{Block, Container};
use crate::crc::crc32;
use crate::envelope::{MARK, text_between, unwrap, wrap};
use crate::error::Fault;
use crate::layout::{Edit, Layout};
use crate::limits::{BLOCK_BYTES_MAX, ZIP_MEMBERS_MAX};
use crate::name::Name;
use crate::source::Source;

const LOCAL: &[u8] = b"PK\x03\x04";
const ENTRY: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const LOCAL_BYTES: usize = 30;
const ENTRY_BYTES: usize = 46;
const END_BYTES: usize = 22;
const COMMENT_BYTES_MAX: usize = 0xffff;
/// The member in most archives.
const PLAIN: &str = "META-INF/fair.json";
/// The member in packages of the Office formats, where every part needs a media type and XML always has one.
const OFFICE: &str = "META-INF/fair.xml";
const OFFICE_TYPES: &[u8] = b"[Content_Types].xml";

#[derive(Debug)]
pub(crate) struct Zip;

/// The end record, as far as it matters here.
struct Directory {
    /// Where the end record begins, which is where the directory ends.
    end: u64,
    start: u64,
    bytes: u32,
    members: u16,
}

impl Directory {
    fn read(file: &mut Source<'_>) -> Result<Self, Fault> {
        let (tail_at, tail) = file.tail(END_BYTES + COMMENT_BYTES_MAX)?;
        let found = find_last(&tail, END).ok_or_else(|| Fault::malformed("its directory is not found"))?;
        let record = tail.get(found..).unwrap_or_default();
        let short = |at| u16_le(record, at).ok_or_else(|| Fault::malformed("its end record is cut off"));
        let long_at = |at| u32_le(record, at).ok_or_else(|| Fault::malformed("its end record is cut off"));
        if END_BYTES + usize::from(short(20)?) != record.len() {
            return Err(Fault::unsuitable("something follows the directory of this archive"));
        }
        let directory = Self {
            end: tail_at + long(found),
            start: u64::from(long_at(16)?),
            bytes: long_at(12)?,
            members: short(10)?,
        };
        if short(4)? != 0 || short(6)? != 0 || short(8)? != directory.members {
            return Err(Fault::unsuitable("this archive is one of several parts"));
        }
        if usize::from(directory.members) > ZIP_MEMBERS_MAX
            || directory.start + u64::from(directory.bytes) != directory.end
        {
            return Err(Fault::unsuitable(
                "this archive is of the 64-bit kind, or has something between its directory and its end",
            ));
        }
        Ok(directory)
    }

    /// The fields of the end record from the numbers of members on.
    fn fields(members: u16, bytes: u32, start: u32) -> Vec<u8> {
        let members = members.to_le_bytes();
        [&members, &members, bytes.to_le_bytes().as_slice(), &start.to_le_bytes()].concat()
    }

    fn fields_at(&self) -> u64 {
        self.end + 8
    }

    /// Goes through the names; whether the archive is an Office package.
    fn is_office(&self, file: &mut Source<'_>) -> Result<bool, Fault> {
        let mut at = self.start;
        let mut is_office = false;
        for _ in 0..self.members {
            let entry: [u8; ENTRY_BYTES] = file.array(at)?;
            if !entry.starts_with(ENTRY) {
                return Err(Fault::malformed(format!("its directory has no entry at byte {at}")));
            }
            let short = |at| usize::from(u16_le(&entry, at).unwrap_or_default());
            let name = file.bytes(at + long(ENTRY_BYTES), short(28))?;
            if name == PLAIN.as_bytes() || name == OFFICE.as_bytes() {
                return Err(Fault::unsuitable("this archive has a member with the name of ours"));
            }
            is_office |= name == OFFICE_TYPES;
            at = at.saturating_add(long(ENTRY_BYTES + short(28) + short(30) + short(32)));
        }
        if at != self.end {
            return Err(Fault::malformed("its directory is not as long as it says"));
        }
        Ok(is_office)
    }
}

/// What a local header and a directory entry have in common: version 1.0, no flags, stored, 1980-01-01 00:00, checksum,
/// both sizes, the length of the name, no extra field.
fn common(name: &str, data: &[u8]) -> Result<Vec<u8>, Fault> {
    let size = u32::try_from(data.len()).or(Err(Fault::unsuitable("the manifest is too long")))?;
    let name_bytes = u16::try_from(name.len()).unwrap_or(u16::MAX);
    Ok([
        [10, 0, 0, 0, 0, 0, 0, 0, 0x21, 0].as_slice(),
        &crc32(&[data]).to_le_bytes(),
        &size.to_le_bytes(),
        &size.to_le_bytes(),
        &name_bytes.to_le_bytes(),
        &[0, 0],
    ]
    .concat())
}

fn around_office() -> (String, String) {
    (
        format!("<fair:manifest xmlns:fair=\"urn:uuid:{MARK}\">"),
        format!("</fair:manifest><!--{MARK}-->"),
    )
}

/// Our member, if it is the directory's last: its name and where it begins.
fn last_member(file: &mut Source<'_>, directory: &Directory) -> Result<Option<(&'static str, u64)>, Fault> {
    for name in [PLAIN, OFFICE] {
        let length = long(ENTRY_BYTES + name.len());
        let Some(at) = directory.end.checked_sub(length).filter(|at| *at >= directory.start) else {
            continue;
        };
        let entry = file.bytes(at, ENTRY_BYTES + name.len())?;
        if entry.starts_with(ENTRY) && entry.ends_with(name.as_bytes()) {
            let start = u64::from(u32_le(&entry, 42).unwrap_or_default());
            return Ok(Some((name, start)));
        }
    }
    Ok(None)
}

impl Container for Zip {
    fn detect(&self, head: &[u8], _name: &Name) -> bool {
        head.starts_with(LOCAL)
    }

    fn locate(&self, file: &mut Source<'_>) -> Result<Option<Block>, Fault> {
        let directory = Directory::read(file)?;
        let Some((name, start)) = last_member(file, &directory)? else {
            return Ok(None);
        };
        let length = directory
            .start
            .checked_sub(start)
            .and_then(|length| usize::try_from(length).ok());
        let length = length.filter(|length| *length <= BLOCK_BYTES_MAX);
        let length = length.ok_or_else(|| Fault::damaged("its member is not where it belongs"))?;
        let member = file.bytes(start, length)?;
        let data = member.get(LOCAL_BYTES + name.len()..).unwrap_or_default();
        if !member.starts_with(LOCAL) || !stands_at(&member, LOCAL_BYTES, name.as_bytes()) {
            return Err(Fault::damaged("its member is not where it belongs"));
        }
        let (opening, closing) = around_office();
        // Somebody else's member may have the same name.
        if !data.starts_with(opening.as_bytes()) && !data.starts_with(MARK.as_bytes()) {
            return Ok(None);
        }
        let text = if name == OFFICE {
            text_between(data, opening.as_bytes(), closing.as_bytes())?
        } else {
            unwrap(data)?.1
        };
        let entry_bytes = ENTRY_BYTES + name.len();
        let entry_at = directory.end - long(entry_bytes);
        let fields = u32::try_from(start).ok().and_then(|start| {
            let bytes = directory.bytes.checked_sub(u32::try_from(entry_bytes).ok()?)?;
            Some(Directory::fields(directory.members.checked_sub(1)?, bytes, start))
        });
        let fields = fields.ok_or_else(|| Fault::damaged("its directory does not count it"))?;
        let edits = vec![
            Edit::delete(start..directory.start),
            Edit::delete(entry_at..directory.end),
            Edit::overwrite(directory.fields_at(), fields),
        ];
        let original = Layout::edited(file.length(), edits)?;
        Ok(Some(Block { text, original }))
    }

    fn embed(&self, file: &mut Source<'_>, text: &str) -> Result<Layout, Fault> {
        let directory = Directory::read(file)?;
        let (name, data) = if directory.is_office(file)? {
            let (opening, closing) = around_office();
            (OFFICE, format!("{opening}{text}{closing}").into_bytes())
        } else {
            (PLAIN, wrap('.', text))
        };
        let common = common(name, &data)?;
        let member = [LOCAL, &common, name.as_bytes(), &data].concat();
        let full = || Fault::unsuitable("this archive has no room for a manifest below 4 GiB");
        let start = u32::try_from(directory.start).map_err(|_too_large| full())?;
        let new_start = u32::try_from(directory.start + long(member.len())).map_err(|_too_large| full())?;
        // No comment, disk 0, attributes 0.
        let rest = [&[0; 10], start.to_le_bytes().as_slice()].concat();
        let entry = [ENTRY, &[20, 0], &common, &rest, name.as_bytes()].concat();
        let bytes = u32::try_from(u64::from(directory.bytes) + long(entry.len())).map_err(|_too_large| full())?;
        let members = directory
            .members
            .checked_add(1)
            .filter(|members| usize::from(*members) <= ZIP_MEMBERS_MAX);
        let members = members.ok_or_else(full)?;
        let edits = vec![
            Edit::insert(directory.start, member),
            Edit::insert(directory.end, entry),
            Edit::overwrite(directory.fields_at(), Directory::fields(members, bytes, new_start)),
        ];
        Layout::edited(file.length(), edits)
    }
}

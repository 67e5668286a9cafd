//! The smallest files of each format that a reader of its structure accepts.

use crate::samples_pdf::{with_stream, with_table};

pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
}

fn sample(name: &'static str, parts: &[&[u8]]) -> Sample {
    Sample {
        name,
        bytes: parts.concat(),
    }
}

/// Something that stands for an image or a sound: no two bytes in a row are the same.
fn body(length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| u8::try_from((at * 7 + at / 36) % 251).unwrap())
        .collect()
}

pub(crate) fn all() -> Vec<Sample> {
    [images(), documents(), sounds(), archives()]
        .into_iter()
        .flatten()
        .collect()
}

const JFIF: &[u8] = b"\xff\xe0\0\x10JFIF\0\x01\x02\0\0\x01\0\x01\0\0";
const IMAGE: &[u8] = b"\xff\xdb\0\x05\0\x01\x02\xff\xda\0\x04\0\0\x12\x34\x56\xff\xd9";
/// One pixel.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\
    \0\0\0\x0dIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\0\x05\0\x01\xff\x89\x99\x3d\x1d\0\0\0\0IEND\xae\x42\x60\x82";

fn webp(chunks: &[u8], after: &[u8]) -> Vec<u8> {
    let size = u32::try_from(chunks.len() + 4).unwrap();
    [b"RIFF", size.to_le_bytes().as_slice(), b"WEBP", chunks, after].concat()
}

fn images() -> Vec<Sample> {
    let pictures = b"\xff\xe2\0\x0aMPF\0II*\0";
    vec![
        sample("jfif.jpg", &[b"\xff\xd8", JFIF, IMAGE]),
        sample("bare.jpg", &[b"\xff\xd8", IMAGE]),
        sample(
            "pictures.jpg",
            &[
                b"\xff\xd8",
                JFIF,
                pictures,
                b"\xff\xe3\0\x03x",
                IMAGE,
                b"\xff\xd8second\xff\xd9",
            ],
        ),
        sample("pixel.png", &[PNG]),
        sample(
            "simple.webp",
            &[&webp(&[b"VP8L\x0a\0\0\0".as_slice(), &body(10)].concat(), b"")],
        ),
        sample(
            "odd.webp",
            &[&webp(
                b"VP8X\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0VP8 \x03\0\0\0abc\0",
                b"trailing",
            )],
        ),
        sample(
            "plain.svg",
            &[b"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"><rect/></svg>\n"],
        ),
        sample(
            "prolog.svg",
            &[
                b"\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- <svg> -->\n",
                b"<!DOCTYPE s:svg [<!ENTITY a \"<svg>\">]>\n",
                b"<s:svg xmlns:s='http://www.w3.org/2000/svg' a='>'>\xc3\xa4</s:svg>",
            ],
        ),
    ]
}

fn documents() -> Vec<Sample> {
    vec![
        sample("table.pdf", &[&with_table("")]),
        sample("updated.pdf", &[&with_table("/Prev 0 ")]),
        sample("stream.pdf", &[&with_stream()]),
        sample(
            "page.html",
            &[b"<!doctype html><html><head><title></head></title></head><body>\xe4</body></html>\n"],
        ),
        sample("fragment.html", &[b"<p>No head, no end"]),
        sample("note.md", &[b"# A note\n\nWith text.\n"]),
        sample("rule.md", &[b"---\nnot front matter\n"]),
        sample("yaml.md", &[b"---\ntitle: a\n---\ntext\n"]),
        sample("dos.md", &[b"\xef\xbb\xbf---\r\ntitle: a\r\n---\r\ntext\r\n"]),
        sample("toml.md", &[b"+++\ntitle = 'a'\n+++\ntext\n"]),
        sample("empty-matter.md", &[b"---\n---\n"]),
        sample("empty.txt", &[]),
    ]
}

fn id3(version: u8, frames: &[u8]) -> Vec<u8> {
    let size = u8::try_from(frames.len()).unwrap();
    [b"ID3", [version, 0, 0].as_slice(), &[0, 0, 0, size], frames].concat()
}

/// A FLAC stream whose `STREAMINFO` is the last block or not.
fn flac(kind: u8, more: &[u8]) -> Vec<u8> {
    [b"fLaC", [kind, 0, 0, 34].as_slice(), &body(34), more, &body(60)].concat()
}

fn ogg_page(flags: u8, serial: u32, number: u32, data: &[u8]) -> Vec<u8> {
    let length = u8::try_from(data.len()).unwrap();
    let head = [
        b"OggS\0",
        [flags].as_slice(),
        &[0; 8],
        &serial.to_le_bytes(),
        &number.to_le_bytes(),
    ]
    .concat();
    [head.as_slice(), &[1, 2, 3, 4], &[1, length], data].concat()
}

fn sounds() -> Vec<Sample> {
    let title = b"TIT2\0\0\0\x05\0\0\0work";
    let padded = [title.as_slice(), &[0; 40]].concat();
    let sound = [b"\xff\xfb\x90\x64".as_slice(), &body(120)].concat();
    let start = b"\0\0\0\x14ftypisom\0\0\x02\0isom";
    let media = b"\0\0\0\x10mdat12345678";
    let index = b"\0\0\0\x18mfra\0\0\0\x10mfro\0\0\0\0\0\0\0\x18";
    let long_box = b"\0\0\0\x01free\0\0\0\0\0\0\0\x14abcd";
    let ogg = |stream: u32| ogg_page(2, stream, 0, b"\x01vorbis");
    let rest = |stream: u32| [ogg_page(0, stream, 1, &body(40)), ogg_page(4, stream, 2, &body(50))].concat();
    vec![
        sample("bare.mp3", &[&sound]),
        sample("tagged3.mp3", &[&id3(3, title), &sound]),
        sample("tagged4.mp3", &[&id3(4, &padded), &sound]),
        sample("film.mp4", &[start, long_box, media, b"\0\0\0\x08moov"]),
        sample("fragments.mp4", &[start, b"\0\0\0\x08moov", media, index]),
        sample("photo.heic", &[start, media]),
        sample("last.flac", &[&flac(0x80, b"")]),
        sample("more.flac", &[&flac(0, b"\x81\0\0\x04\0\0\0\0")]),
        sample("one.ogg", &[&ogg(5), &rest(5)]),
        sample("two.ogg", &[&ogg(5), &ogg(6), &rest(6), &rest(5)]),
    ]
}

/// CRC-32, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32| {
        if sum & 1 == 1 {
            (sum >> 1) ^ 0xEDB8_8320
        } else {
            sum >> 1
        }
    };
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| step(sum))
    })
}

/// An archive of stored members.
pub(crate) fn zip(members: &[(&str, &[u8])], comment: &[u8]) -> Vec<u8> {
    let (mut files, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in members {
        let size = u32::try_from(data.len()).unwrap().to_le_bytes();
        let name_bytes = u16::try_from(name.len()).unwrap().to_le_bytes();
        let place = u32::try_from(files.len()).unwrap().to_le_bytes();
        let sum = crc32(data).to_le_bytes();
        let common = [
            [10, 0, 0, 0, 0, 0, 0, 0, 0x21, 0].as_slice(),
            &sum,
            &size,
            &size,
            &name_bytes,
            &[0, 0],
        ]
        .concat();
        files.extend([b"PK\x03\x04", common.as_slice(), name.as_bytes(), data].concat());
        let entry = [
            b"PK\x01\x02",
            [20, 0].as_slice(),
            &common,
            &[0; 10],
            &place,
            name.as_bytes(),
        ]
        .concat();
        directory.extend(entry);
    }
    let count = u16::try_from(members.len()).unwrap().to_le_bytes();
    let start = u32::try_from(files.len()).unwrap().to_le_bytes();
    let bytes = u32::try_from(directory.len()).unwrap().to_le_bytes();
    let comment_bytes = u16::try_from(comment.len()).unwrap().to_le_bytes();
    let end = [
        b"PK\x05\x06",
        [0; 4].as_slice(),
        &count,
        &count,
        &bytes,
        &start,
        &comment_bytes,
        comment,
    ]
    .concat();
    [files, directory, end].concat()
}

pub(crate) const CONTENT_TYPES: &str = "<?xml version=\"1.0\"?><Types \
    xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"xml\" \
    ContentType=\"application/xml\"/></Types>";

fn archives() -> Vec<Sample> {
    let container = b"<container/>".as_slice();
    vec![
        sample(
            "book.epub",
            &[&zip(
                &[
                    ("mimetype", b"application/epub+zip"),
                    ("META-INF/container.xml", container),
                ],
                b"",
            )],
        ),
        sample(
            "letter.docx",
            &[&zip(
                &[("[Content_Types].xml", CONTENT_TYPES.as_bytes()), ("a.xml", b"<a/>")],
                b"",
            )],
        ),
        sample("noted.zip", &[&zip(&[("a", b"1")], b"a comment")]),
    ]
}

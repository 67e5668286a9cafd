//! How much memory a large file takes: no more than a small one.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use imajin_fair_embed::{Verdict, Work};

use crate::support::{key_of, sign, unsigned};

/// How large the file is. `IMAJIN_FAIR_EMBED_BYTES=1073741824` is what the project promises 64 MiB for.
const VARIABLE: &str = "IMAJIN_FAIR_EMBED_BYTES";
const BYTES: u64 = 72 * 1024 * 1024;
const MEMORY_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The most memory that this process ever held.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kilobytes * 1024
}

fn size() -> u64 {
    std::env::var(VARIABLE).map_or(BYTES, |text| text.parse().unwrap())
}

/// A film of nothing: the box says how long it is, and the file system has nothing to store.
fn film() -> File {
    let mut file = tempfile::tempfile().unwrap();
    let start = b"\0\0\0\x10ftypisom\0\0\0\0";
    let media = size() - 16;
    file.write_all(start).unwrap();
    file.write_all(&u32::try_from(media).unwrap().to_be_bytes()).unwrap();
    file.write_all(b"mdat").unwrap();
    file.set_len(size()).unwrap();
    file
}

/// A page that has to be searched to its end, with as little text as its format is known by.
fn page() -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"<!doctype html><html><body><pre>").unwrap();
    file.write_all(&[b'c'; 8 * 1024]).unwrap();
    file.set_len(size()).unwrap();
    file
}

/// Leaves out what is zero, as the files that are copied here do: the test needs no disk.
struct Sparse<'a>(&'a mut File);

impl Write for Sparse<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.iter().any(|byte| *byte != 0) {
            return self.0.write(bytes);
        }
        let end = self.0.seek(SeekFrom::Current(i64::try_from(bytes.len()).unwrap()))?;
        self.0.set_len(end)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn carry(name: &str, mut original: File) {
    let mut carrying = tempfile::tempfile().unwrap();
    let mut work = Work::open(&mut original, name).unwrap();
    let whole = work.whole();
    let manifest = sign(unsigned(work.content(&whole).unwrap()));
    let layout = work.embed(&manifest).unwrap();
    work.write(&layout, &mut Sparse(&mut carrying)).unwrap();

    let mut work = Work::open(&mut carrying, name).unwrap();
    assert_eq!(work.verify(None, &key_of).unwrap().verdict, Verdict::Intact);
    let layout = work.original().unwrap();
    assert_eq!(layout.length(), size());
    let mut stripped = tempfile::tempfile().unwrap();
    work.write(&layout, &mut Sparse(&mut stripped)).unwrap();
    let mut start = [0; 32];
    stripped.seek(SeekFrom::Start(0)).unwrap();
    stripped.read_exact(&mut start).unwrap();
    let mut expected = [0; 32];
    original.seek(SeekFrom::Start(0)).unwrap();
    original.read_exact(&mut expected).unwrap();
    assert_eq!(start, expected);
    let peak = peak_bytes();
    assert!(peak < MEMORY_BYTES_MAX, "{peak} bytes for a file of {}", size());
}

#[test]
fn a_large_film_takes_no_more_memory_than_a_small_one() {
    carry("film.mp4", film());
}

#[test]
fn a_large_page_takes_no_more_memory_than_a_small_one() {
    carry("page.html", page());
}

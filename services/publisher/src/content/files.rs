//! The bytes of works on disk: `parts/` while they come in, `blobs/` under their SHA-256 once they are complete.
//!
//! A name on disk is made from typed identifiers and digests alone; nothing that a caller writes is part of a path.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};
use imajin_kernel::Timestamp;
use imajin_kernel::id::ContentId;

const BLOBS: &str = "blobs";
const PARTS: &str = "parts";
/// How much of a file is in memory while it is hashed.
const HASH_BYTES: usize = 64 * 1024;

/// Where the bytes of works are.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    dir: Arc<PathBuf>,
    /// Versions that a request writes to at this moment.
    busy: Arc<Mutex<BTreeSet<String>>>,
}

/// A version whose bytes are coming in, taken by one request.
pub(crate) struct Part {
    path: PathBuf,
    name: String,
    busy: Arc<Mutex<BTreeSet<String>>>,
}

impl Drop for Part {
    fn drop(&mut self) {
        self.busy
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.name);
    }
}

/// What the sweeper must not remove.
pub(crate) trait Wanted {
    /// Whether a version with this name is still coming in.
    fn part(&self, name: &str) -> bool;
    /// Whether some version has these bytes.
    fn blob(&self, sha256: &str) -> bool;
}

fn part_name(id: ContentId, version: i64) -> String {
    format!("{id}.{version}")
}

impl Files {
    /// Opens the directory and makes what is missing, for this user only.
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        for folder in [dir.to_owned(), dir.join(BLOBS), dir.join(PARTS)] {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        Ok(Self {
            dir: Arc::new(dir.to_owned()),
            busy: Arc::default(),
        })
    }

    /// Takes a version for one request; `None` while another one writes to it.
    pub(crate) fn part(&self, id: ContentId, version: i64) -> Option<Part> {
        let name = part_name(id, version);
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.insert(name.clone()).then(|| Part {
            path: self.dir.join(PARTS).join(&name),
            name,
            busy: Arc::clone(&self.busy),
        })
    }

    /// How many bytes the disk has left.
    pub(crate) fn free_bytes(&self) -> io::Result<u64> {
        let found = rustix::fs::statvfs(&*self.dir)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }

    /// How many bytes of a version are here.
    pub(crate) fn received(&self, id: ContentId, version: i64) -> io::Result<u64> {
        length_of(&self.dir.join(PARTS).join(part_name(id, version)))
    }

    /// Opens complete bytes.
    pub(crate) fn blob(&self, sha256: &str) -> io::Result<File> {
        File::open(self.blob_path(sha256)?)
    }

    fn blob_path(&self, sha256: &str) -> io::Result<PathBuf> {
        blob_path(&self.dir, sha256)
    }

    /// Gives complete bytes their name, for good: whoever finds the name finds all of the bytes, power cut or not. They
    /// are also still the part's, until it is removed: whoever does not know yet that they are kept has them to show.
    pub(crate) fn keep(&self, part: &Part, sha256: &str) -> io::Result<()> {
        let path = self.blob_path(sha256)?;
        let folder = path.parent().unwrap_or(&self.dir);
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        File::open(&part.path)?.sync_all()?;
        match fs::hard_link(&part.path, &path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            // Not every file system gives one file two names.
            Err(_) => fs::rename(&part.path, &path)?,
            Ok(()) => {}
        }
        for folder in [folder, &self.dir.join(BLOBS), &self.dir.join(PARTS)] {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }

    /// Removes what no version wants and nobody has written to since `before`: what is left of uploads that were given
    /// up, or that a power cut ended between the file and its row. Answers with how many files those were.
    pub(crate) fn sweep(&self, before: Timestamp, wanted: &dyn Wanted) -> io::Result<usize> {
        let mut removed = 0_usize;
        for entry in fs::read_dir(self.dir.join(PARTS))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if is_older(&entry.path(), before)? && !wanted.part(&name) {
                fs::remove_file(entry.path())?;
                removed = removed.saturating_add(1);
            }
        }
        for folder in fs::read_dir(self.dir.join(BLOBS))? {
            for entry in fs::read_dir(folder?.path())? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                if is_older(&entry.path(), before)? && !wanted.blob(&name) {
                    fs::remove_file(entry.path())?;
                    removed = removed.saturating_add(1);
                }
            }
        }
        Ok(removed)
    }
}

impl Part {
    /// How many bytes are here.
    pub(crate) fn received(&self) -> io::Result<u64> {
        length_of(&self.path)
    }

    /// Adds bytes at the end; durable when it answers.
    pub(crate) fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options.append(true).create(true).mode(0o600).open(&self.path)?;
        file.write_all(bytes)?;
        file.sync_data()
    }

    /// The SHA-256 of what is here, in hex; memory does not grow with it.
    pub(crate) fn sha256_hex(&self) -> io::Result<String> {
        sha256_hex_of(&mut self.open()?)
    }

    pub(crate) fn open(&self) -> io::Result<File> {
        File::open(&self.path)
    }

    /// Throws away what is here.
    pub(crate) fn remove(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }
}

/// Where bytes are by their digest; refuses what is none.
pub(crate) fn blob_path(dir: &Path, sha256: &str) -> io::Result<PathBuf> {
    let is_digest = sha256.len() == 64 && sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let folder = sha256.get(..2).filter(|_| is_digest);
    let folder = folder.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no digest"))?;
    Ok(dir.join(BLOBS).join(folder).join(sha256))
}

/// The SHA-256 of a file from where it stands, in hex.
pub(crate) fn sha256_hex_of(file: &mut File) -> io::Result<String> {
    let mut context = Context::new(&SHA256);
    let mut buffer = vec![0; HASH_BYTES];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hex::encode(context.finish())),
            Ok(count) => context.update(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn length_of(path: &Path) -> io::Result<u64> {
    match fs::metadata(path) {
        Ok(found) => Ok(found.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

fn is_older(path: &Path, before: Timestamp) -> io::Result<bool> {
    Ok(Timestamp::from_seconds(fs::metadata(path)?.mtime()) < before)
}

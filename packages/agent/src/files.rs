//! Files that are whole after a power cut.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use imajin_kernel::{Code, Problem};

/// Only the owner reads what an agent keeps.
const MODE: u32 = 0o600;

pub(crate) fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> Problem {
    let shown = path.display().to_string();
    move |error| Problem::new(Code::Internal, format!("{shown}: {error}."))
}

/// A file of the agent's own, made when it is not there.
pub(crate) fn open(path: &Path) -> Result<File, Problem> {
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(MODE)
        .open(path);
    opened.map_err(failed(path))
}

/// Puts a file in the place of another: after a power cut there is one of them, whole.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    let part = path.with_extension("part");
    let write = || {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(MODE).open(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&part, path)?;
        folder_sync(path)
    };
    write().map_err(failed(path))
}

/// Makes the name of a file durable.
pub(crate) fn folder_sync(path: &Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

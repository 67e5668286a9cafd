use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use imajin_kernel::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::files::{failed, folder_sync, open};

/// The documents of a file that another process may be adding to; none, where there is no file.
pub(crate) fn lines_read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, Problem> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(documents_of(&text, path)?.1),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(failed(path)(error)),
    }
}

/// What stands in whole lines, and how many bytes they are.
fn documents_of<T: DeserializeOwned>(text: &str, path: &Path) -> Result<(usize, Vec<T>), Problem> {
    let whole = text.rfind('\n').map_or(0, |at| at.saturating_add(1));
    let mut read = Vec::new();
    for (line, number) in text.get(..whole).unwrap_or_default().lines().zip(1_u32..) {
        read.push(
            serde_json::from_str(line).map_err(|error| {
                Problem::invalid(format!("{}, line {number}, is damaged: {error}.", path.display()))
            })?,
        );
    }
    Ok((whole, read))
}

/// A file of JSON documents, one in each line, that only grows.
pub(crate) struct Lines {
    file: File,
    path: PathBuf,
}

impl Lines {
    /// Opens the file, with what is in it; forgets a last line that a power cut has broken off.
    pub(crate) fn open<T: DeserializeOwned>(path: PathBuf) -> Result<(Self, Vec<T>), Problem> {
        let mut file = open(&path)?;
        folder_sync(&path).map_err(failed(&path))?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(failed(&path))?;
        let (whole, read) = documents_of(&text, &path)?;
        let length = u64::try_from(whole).unwrap_or(u64::MAX);
        file.set_len(length).map_err(failed(&path))?;
        file.seek(SeekFrom::End(0)).map_err(failed(&path))?;
        Ok((Self { file, path }, read))
    }

    /// Adds a line; when this returns, a power cut does not take it away.
    pub(crate) fn append(&mut self, document: &impl Serialize) -> Result<(), Problem> {
        let mut line = serde_json::to_vec(document).map_err(|_error| Problem::internal())?;
        line.push(b'\n');
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_data());
        written.map_err(failed(&self.path))
    }
}

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use imajin_kernel::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::files::{failed, folder_sync, open};

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
        let whole = text.rfind('\n').map_or(0, |at| at.saturating_add(1));
        let mut read = Vec::new();
        for (line, number) in text.get(..whole).unwrap_or_default().lines().zip(1_u32..) {
            read.push(serde_json::from_str(line).map_err(|error| {
                Problem::invalid(format!("{}, line {number}, is damaged: {error}.", path.display()))
            })?);
        }
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

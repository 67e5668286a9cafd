//! Files on the disk: read within limits, replaced only when the new one is complete and durable.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use imajin_fair::Manifest;
use imajin_fair_embed::{EmbedError, SIDECAR_SUFFIX, Work};

use crate::cli::CommandError;

/// A little more than a manifest may have, so that one that is too long is refused as such.
const MANIFEST_BYTES_MAX: u64 = 256 * 1024 + 1;

/// A refusal that names the file.
pub(in crate::cli) fn refusal(path: &Path, error: &dyn std::fmt::Display) -> CommandError {
    CommandError::Local(format!("{}: {error}", path.display()))
}

pub(in crate::cli) fn open(path: &Path) -> Result<File, CommandError> {
    let file = File::open(path).map_err(|error| refusal(path, &error))?;
    let metadata = file.metadata().map_err(|error| refusal(path, &error))?;
    if metadata.is_file() {
        return Ok(file);
    }
    Err(refusal(path, &"this is not a file"))
}

pub(in crate::cli) fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The manifest beside a file.
pub(super) fn sidecar(path: &Path) -> PathBuf {
    let mut name = OsString::from(path.as_os_str());
    name.push(SIDECAR_SUFFIX);
    PathBuf::from(name)
}

/// What is in the sidecar of a file, if there is one.
pub(super) fn sidecar_read(path: &Path) -> Result<Option<Vec<u8>>, CommandError> {
    let sidecar = sidecar(path);
    if sidecar.exists() {
        manifest_bytes(&sidecar).map(Some)
    } else {
        Ok(None)
    }
}

fn manifest_bytes(path: &Path) -> Result<Vec<u8>, CommandError> {
    let mut bytes = Vec::new();
    open(path)?
        .take(MANIFEST_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(|error| refusal(path, &error))?;
    Ok(bytes)
}

/// Reads a file that is a manifest and nothing else.
pub(super) fn manifest_read(path: &Path) -> Result<Manifest, CommandError> {
    Manifest::parse(&manifest_bytes(path)?).map_err(|error| refusal(path, &error))
}

/// The manifest of a work: the one in it, or else the one beside it, or the file itself if it is one.
pub(in crate::cli) fn manifest_of(path: &Path) -> Result<Manifest, CommandError> {
    let mut file = open(path)?;
    let mut work = Work::open(&mut file, &name(path)).map_err(|error| refusal(path, &error))?;
    if work.format().is_none()
        && let Ok(manifest) = Manifest::parse(&manifest_bytes(path)?)
    {
        return Ok(manifest);
    }
    // A file with a sidecar may talk of manifests as much as it likes.
    let beside = sidecar_read(path)?;
    match (work.find(), beside) {
        (Ok(Some(found)), _) => Ok(found.manifest),
        (Ok(None) | Err(_), Some(bytes)) => Manifest::parse(&bytes).map_err(|error| refusal(&sidecar(path), &error)),
        (Ok(None), None) => Err(refusal(path, &"there is no manifest in this file, and none beside it")),
        (Err(error), None) => Err(refusal(path, &error)),
    }
}

/// Text of a manifest in a file of its own.
pub(super) fn manifest_text(manifest: &Manifest) -> Result<String, CommandError> {
    let value = serde_json::to_string_pretty(manifest);
    value
        .map(|text| text + "\n")
        .map_err(|error| CommandError::Local(format!("the manifest cannot be written: {error}")))
}

pub(super) fn manifest_write(path: &Path, manifest: &Manifest) -> Result<(), CommandError> {
    let text = manifest_text(manifest)?;
    replace(
        path,
        None,
        |out| out.write_all(text.as_bytes()).map_err(EmbedError::from),
        |_| Ok(()),
    )
}

/// Writes a file under another name beside its own, lets `check` look at it, makes it durable, and only then gives it
/// its name. `like` is the file whose permissions it gets.
pub(super) fn replace(
    path: &Path,
    like: Option<&Path>,
    write: impl FnOnce(&mut dyn Write) -> Result<(), EmbedError>,
    check: impl FnOnce(&mut File) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    // Where the name is a link, what it points to is replaced and not the link.
    let target = fs::canonicalize(path).unwrap_or_else(|_new| path.to_owned());
    let mut temporary_name = OsString::from(".");
    temporary_name.push(target.file_name().unwrap_or_default());
    temporary_name.push(format!(".{}.tmp", std::process::id()));
    let temporary = target.with_file_name(temporary_name);
    let result = written(&temporary, write, check).and_then(|file| {
        let finish = || -> io::Result<()> {
            if let Some(like) = like {
                file.set_permissions(fs::metadata(like)?.permissions())?;
            }
            file.sync_all()?;
            fs::rename(&temporary, &target)?;
            let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty());
            File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
        };
        finish().map_err(|error| refusal(path, &error))
    });
    if result.is_err() {
        // Whether there is anything to remove depends on how far it came.
        let _absent = fs::remove_file(&temporary);
    }
    result
}

fn written(
    temporary: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), EmbedError>,
    check: impl FnOnce(&mut File) -> Result<(), CommandError>,
) -> Result<File, CommandError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(temporary);
    let mut file = file.map_err(|error| refusal(temporary, &error))?;
    let mut buffered = BufWriter::new(&mut file);
    write(&mut buffered).map_err(|error| refusal(temporary, &error))?;
    buffered.flush().map_err(|error| refusal(temporary, &error))?;
    drop(buffered);
    check(&mut file)?;
    Ok(file)
}

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::Args;
use imajin_fair::Manifest;
use imajin_fair_embed::{EmbedError, Layout, Place, Verdict, Work};
use serde::Serialize;

use super::files::{manifest_of, manifest_read, manifest_text, manifest_write, name, open, refusal, replace, sidecar};
use crate::cli::{CommandError, Output};

/// What goes where.
#[derive(Debug, Args)]
pub(in crate::cli) struct EmbedArgs {
    /// The work.
    file: PathBuf,
    /// The signed manifest; the one beside the work, FILE.fair.json, when not given.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Where to write the work with its manifest; in place of the work when not given.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Leave the work alone and write FILE.fair.json beside it.
    #[arg(long, conflicts_with = "out")]
    sidecar: bool,
}

/// What is taken out, and where the rest goes.
#[derive(Debug, Args)]
pub(in crate::cli) struct StripArgs {
    /// The work.
    file: PathBuf,
    /// Where to write the work without its manifest; in place of the work when not given.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Serialize)]
struct Embedded {
    file: PathBuf,
    id: String,
    place: Place,
    /// The format that has a place for it.
    format: Option<&'static str>,
    /// Why it is beside the work and not in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stripped {
    file: PathBuf,
    id: Option<String>,
    sha256: String,
    /// Whether this is what the manifest was about.
    content_matches: Option<bool>,
}

impl EmbedArgs {
    pub(super) fn run(self, output: Output) -> Result<(), CommandError> {
        let from = self.manifest.clone().unwrap_or_else(|| sidecar(&self.file));
        let manifest = manifest_read(&from)?;
        if manifest.signature.is_none() {
            let next = format!(
                "nobody signed this manifest. First: imajin fair sign {} --key FILE",
                from.display()
            );
            return Err(refusal(&from, &next));
        }
        let mut file = open(&self.file)?;
        let mut work = Work::open(&mut file, &name(&self.file)).map_err(|error| refusal(&self.file, &error))?;
        if self.sidecar {
            return self.beside(&mut work, &manifest, None, output);
        }
        match work.embed(&manifest) {
            Ok(layout) => self.inside(&mut work, &manifest, &layout, output),
            Err(EmbedError::NeedsSidecar { reason }) => self.beside(&mut work, &manifest, Some(reason), output),
            Err(error @ EmbedError::Malformed { .. }) => {
                let text = format!("{error}. With --sidecar the manifest goes beside it");
                Err(refusal(&self.file, &text))
            }
            Err(error) => Err(refusal(&self.file, &error)),
        }
    }

    fn inside(
        &self,
        work: &mut Work<'_>,
        manifest: &Manifest,
        layout: &Layout,
        output: Output,
    ) -> Result<(), CommandError> {
        let out = self.out.as_ref().unwrap_or(&self.file);
        let format = work.format().map(imajin_fair_embed::Format::as_str);
        let check = |written: &mut File| written_check(written, &self.file);
        replace(out, Some(&self.file), |writer| work.write(layout, writer), check)?;
        let embedded = Embedded {
            file: out.clone(),
            id: manifest.id.to_string(),
            place: Place::Embedded,
            format,
            reason: None,
        };
        output.result(&embedded, |embedded| {
            let format = embedded.format.unwrap_or_default();
            format!("Put {} into {} ({format}).", embedded.id, embedded.file.display())
        });
        Ok(())
    }

    fn beside(
        &self,
        work: &mut Work<'_>,
        manifest: &Manifest,
        reason: Option<String>,
        output: Output,
    ) -> Result<(), CommandError> {
        let bytes = manifest_text(manifest)?;
        let report = work.verify(Some(bytes.as_bytes()), &|_signer| None);
        let report = report.map_err(|error| refusal(&self.file, &error))?;
        if report.verdict == Verdict::Broken || report.content_matches != Some(true) {
            let reason = report.reason.unwrap_or_default();
            return Err(refusal(&self.file, &reason));
        }
        if report.place == Some(Place::Embedded) {
            return Err(refusal(
                &self.file,
                &"there is a manifest in this file: imajin fair strip takes it out",
            ));
        }
        if let (Some(out), Some(reason)) = (&self.out, &reason) {
            let text = format!("{reason}. Nothing was written to {}: leave out --out", out.display());
            return Err(refusal(&self.file, &text));
        }
        let out = sidecar(&self.file);
        manifest_write(&out, manifest)?;
        let embedded = Embedded {
            file: out,
            id: manifest.id.to_string(),
            place: Place::Sidecar,
            format: None,
            reason,
        };
        output.result(&embedded, |embedded| {
            let reason = embedded
                .reason
                .as_ref()
                .map(|reason| format!(": {reason}"))
                .unwrap_or_default();
            format!(
                "Put {} beside the work, into {}{reason}.",
                embedded.id,
                embedded.file.display()
            )
        });
        Ok(())
    }
}

/// What was written is read again before it takes the place of the work: a broken copy is never kept.
fn written_check(written: &mut File, path: &Path) -> Result<(), CommandError> {
    let mut work = Work::open(written, &name(path)).map_err(|error| refusal(path, &error))?;
    let report = work
        .verify(None, &|did| did.public_key())
        .map_err(|error| refusal(path, &error))?;
    match report.verdict {
        Verdict::Intact | Verdict::Unchecked => Ok(()),
        Verdict::Broken | Verdict::Unsigned => {
            let reason = report.reason.unwrap_or_default();
            Err(refusal(
                path,
                &format!("nothing was changed, because the result would not verify: {reason}"),
            ))
        }
    }
}

impl StripArgs {
    pub(super) fn run(self, output: Output) -> Result<(), CommandError> {
        let of_file = |error| refusal(&self.file, &error);
        let mut file = open(&self.file)?;
        let mut work = Work::open(&mut file, &name(&self.file)).map_err(of_file)?;
        let found = work.find().map_err(of_file)?;
        let (layout, manifest) = match found {
            Some(found) => (found.original, Some(found.manifest)),
            None => (work.whole(), None),
        };
        let content = work.content(&layout).map_err(of_file)?;
        let stated = manifest.as_ref().and_then(|manifest| manifest.content.as_ref());
        let stripped = Stripped {
            file: self.out.clone().unwrap_or_else(|| self.file.clone()),
            id: manifest.as_ref().map(|manifest| manifest.id.to_string()),
            content_matches: stated.map(|stated| stated.sha256 == content.sha256),
            sha256: content.sha256,
        };
        if manifest.is_some() || self.out.is_some() {
            replace(
                &stripped.file,
                Some(&self.file),
                |writer| work.write(&layout, writer),
                |_| Ok(()),
            )?;
        }
        output.result(&stripped, text);
        Ok(())
    }
}

fn text(stripped: &Stripped) -> String {
    let path = stripped.file.display();
    match (&stripped.id, stripped.content_matches) {
        (None, _) => format!("There is no manifest in {path}: it is as it was."),
        (Some(id), Some(true)) => format!("Took {id} out of {path}: it is byte for byte what the author signed."),
        (Some(id), _) => format!("Took {id} out of {path}, which is not what the manifest was about."),
    }
}

/// Prints a manifest or writes it to a file.
pub(super) fn extract(path: &Path, out: Option<PathBuf>, output: Output) -> Result<(), CommandError> {
    let manifest = manifest_of(path)?;
    match out {
        None => {
            let text = manifest_text(&manifest)?;
            output.result(&manifest, |_| text.trim_end().to_owned());
        }
        Some(out) => {
            manifest_write(&out, &manifest)?;
            let id = manifest.id.to_string();
            let shown = serde_json::json!({"manifest": out, "id": id});
            output.result(&shown, |_| format!("Wrote {id} to {}.", out.display()));
        }
    }
    Ok(())
}

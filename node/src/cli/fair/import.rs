use std::path::PathBuf;

use clap::Args;
use imajin_fair::import::{ForeignSignature, ForeignSignatureError, ImportOptions, Imported, SignedAs, import};
use serde_json::{Value, json};

use super::{file_read, file_write_new, local};
use crate::cli::{CommandError, Output};

/// Convert a manifest of another shape.
#[derive(Debug, Args)]
pub(in crate::cli) struct ImportArgs {
    /// The manifest.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Make shares exact that are off by rounding.
    #[arg(long, alias = "normalize")]
    normalise: bool,
    /// Who is meant by an entry without a DID: ROLE=DID. Repeat it for more.
    #[arg(long = "payee", value_name = "ROLE=DID")]
    payees: Vec<String>,
    /// Which manifest is meant by a source that is named in another way: NAME=FAIR-ID. Repeat it for more.
    #[arg(long = "source", value_name = "NAME=FAIR-ID")]
    sources: Vec<String>,
    /// Write the converted manifest to this file, and the original as it was beside it, with `.original` in its name.
    /// Neither must exist yet.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl ImportArgs {
    pub(super) fn run(self, output: Output) -> Result<(), CommandError> {
        let mut options = ImportOptions {
            normalise: self.normalise,
            ..ImportOptions::default()
        };
        for text in &self.payees {
            let (role, did) = pair(text, "ROLE=DID")?;
            options
                .payees
                .insert(role, did.parse().map_err(|error| local(format!("{text}: {error}")))?);
        }
        for text in &self.sources {
            let (name, id) = pair(text, "NAME=FAIR-ID")?;
            options
                .sources
                .insert(name, id.parse().map_err(|error| local(format!("{text}: {error}")))?);
        }
        let imported = import(&file_read(&self.file)?, &options).map_err(local)?;
        // Keys that are no DIDs of their own would have to be asked for, and nothing is asked here.
        let verdict = imported.original.verify(&|_did| None);
        if let Err(error @ (ForeignSignatureError::Bad { .. } | ForeignSignatureError::Malformed { .. })) = verdict {
            return Err(local(error));
        }
        if let Some(path) = &self.out {
            let native = serde_json::to_string_pretty(&imported.manifest).map_err(local)? + "\n";
            let beside = path.with_extension("original.json");
            file_write_new(path, &native)?;
            let original = String::from_utf8_lossy(&imported.original.bytes);
            file_write_new(&beside, &original)?;
            output.note(&format!("Wrote {} and {}.", path.display(), beside.display()));
        }
        let document = json!({
            "manifest": imported.manifest, "original": imported.original, "signatures": signatures(&verdict),
            "notes": imported.notes,
        });
        output.result(&document, |_document| text(&imported, &verdict));
        Ok(())
    }
}

type Verdict = Result<Vec<ForeignSignature>, ForeignSignatureError>;

fn pair(text: &str, form: &str) -> Result<(String, String), CommandError> {
    let (name, value) = text
        .rsplit_once('=')
        .ok_or_else(|| local(format!("{text}: write {form}")))?;
    Ok((name.to_owned(), value.to_owned()))
}

fn signatures(verdict: &Verdict) -> Value {
    match verdict {
        Ok(signatures) => {
            let signature = |signature: &ForeignSignature| json!({"did": signature.did, "as": signature.signed_as});
            json!({"verified": signatures.iter().map(signature).collect::<Vec<_>>()})
        }
        Err(error) => json!({"verified": [], "problem": error.to_string()}),
    }
}

fn text(imported: &Imported, verdict: &Verdict) -> String {
    let mut lines = vec![format!(
        "{}, from {} (sha256 {})",
        imported.manifest.id,
        imported.original.format.as_str(),
        imported.original.sha256()
    )];
    for entry in &imported.manifest.contributors {
        lines.push(format!("  {}  {}  {}", entry.share, entry.role, entry.payee));
    }
    match verdict {
        Ok(signatures) => lines.extend(signatures.iter().map(|signature| {
            let capacity = match signature.signed_as {
                SignedAs::Signer => "signed",
                SignedAs::Platform => "endorsed as a platform",
            };
            format!("The original is {capacity} by {}: the signature holds.", signature.did)
        })),
        Err(error) => lines.push(format!("Note: {error}.")),
    }
    lines.extend(imported.notes.iter().map(|note| format!("Note: {note}")));
    lines.push("It is a draft: its author has to sign it.".to_owned());
    lines.join("\n")
}

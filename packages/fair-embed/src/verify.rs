use imajin_did::{Did, PublicKey};
use imajin_fair::Manifest;
use serde::Serialize;

use crate::container::Format;
use crate::error::EmbedError;
use crate::work::{Found, Work};

/// What a file and its manifest are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every byte is as it was signed.
    Intact,
    /// Something was changed: the file, its manifest, or what holds the two together.
    Broken,
    /// There is no manifest, or one that nobody signed.
    Unsigned,
    /// What can be checked here is in order, but not everything can: the signer's key is not known, or the manifest
    /// does not say which bytes it is about.
    Unchecked,
}

/// Where the manifest was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// In the file.
    Embedded,
    /// In a file beside it.
    Sidecar,
}

/// What came out of a verification.
#[derive(Debug)]
pub struct Report {
    /// The result.
    pub verdict: Verdict,
    /// Why it is not [`Verdict::Intact`].
    pub reason: Option<String>,
    /// Where the manifest was, if there is one.
    pub place: Option<Place>,
    /// What the file is.
    pub format: Option<Format>,
    /// The manifest, if it can be read.
    pub manifest: Option<Manifest>,
    /// Whether the bytes are the ones that the manifest is about; absent when it does not say.
    pub content_matches: Option<bool>,
}

impl Report {
    fn new(format: Option<Format>, verdict: Verdict, reason: Option<String>) -> Self {
        Self {
            verdict,
            reason,
            place: None,
            format,
            manifest: None,
            content_matches: None,
        }
    }

    /// Whose signature the manifest says it has.
    pub fn signer(&self) -> Option<&Did> {
        self.manifest.as_ref()?.signer()
    }

    /// Keeps the first reason.
    fn worsen(&mut self, verdict: Verdict, reason: String) {
        if self.verdict == Verdict::Intact {
            self.verdict = verdict;
            self.reason = Some(reason);
        }
    }
}

impl Work<'_> {
    /// Checks the file against the manifest in it, or else against the sidecar beside it.
    ///
    /// `key_of` gives the public key of a DID, if it is known.
    ///
    /// # Errors
    /// [`EmbedError::Io`] only: what is wrong with the file itself is in the report.
    pub fn verify(
        &mut self,
        sidecar: Option<&[u8]>,
        key_of: &dyn Fn(&Did) -> Option<PublicKey>,
    ) -> Result<Report, EmbedError> {
        let broken = |format, reason| Ok(Report::new(format, Verdict::Broken, Some(reason)));
        match self.find_in_place() {
            Ok(Some(found)) => self.verify_embedded(found, key_of),
            Ok(None) => match sidecar.map(Manifest::parse) {
                Some(Ok(manifest)) => self.verify_sidecar(manifest, key_of),
                Some(Err(error)) => broken(self.format(), format!("the sidecar is no manifest: {error}")),
                None if self.is_marked()? => broken(
                    self.format(),
                    "the file has the mark of a manifest, but none where it belongs".to_owned(),
                ),
                None => {
                    let reason = Some("there is no manifest in this file, and none beside it".to_owned());
                    Ok(Report::new(self.format(), Verdict::Unsigned, reason))
                }
            },
            Err(EmbedError::Io(error)) => Err(error.into()),
            Err(error) => broken(self.format(), error.to_string()),
        }
    }

    fn verify_embedded(
        &mut self,
        found: Found,
        key_of: &dyn Fn(&Did) -> Option<PublicKey>,
    ) -> Result<Report, EmbedError> {
        let mut report = Report::new(self.format(), Verdict::Intact, None);
        report.place = Some(Place::Embedded);
        self.check_bytes(&found, &mut report)?;
        check_signature(&found.manifest, key_of, &mut report);
        report.manifest = Some(found.manifest);
        Ok(report)
    }

    /// The content's digest, and every byte around the manifest: embedding it anew must give this very file.
    fn check_bytes(&mut self, found: &Found, report: &mut Report) -> Result<(), EmbedError> {
        match self.check_content(&found.original, &found.manifest) {
            Ok(()) => report.content_matches = Some(true),
            Err(EmbedError::OtherContent(reason)) if found.manifest.content.is_none() => {
                report.worsen(Verdict::Unchecked, reason);
            }
            Err(EmbedError::OtherContent(reason)) => {
                report.content_matches = Some(false);
                report.worsen(Verdict::Broken, reason);
            }
            Err(error) => return Err(error),
        }
        let text = crate::envelope::text_of(&found.manifest)?;
        let whole = self.whole();
        let is_same = match self.embed_text(&found.original, &text) {
            Ok(again) if text == found.text => again
                .is_same_as(&whole, &mut self.source)
                .map_err(|fault| self.error(fault))?,
            Err(EmbedError::Io(error)) => return Err(error.into()),
            Ok(_) | Err(_) => false,
        };
        if !is_same {
            report.verdict = Verdict::Broken;
            let reason = "the manifest stands in this file in another form than the one it is put there in";
            report.reason.get_or_insert_with(|| reason.to_owned());
        }
        Ok(())
    }

    fn verify_sidecar(
        &mut self,
        manifest: Manifest,
        key_of: &dyn Fn(&Did) -> Option<PublicKey>,
    ) -> Result<Report, EmbedError> {
        let mut report = Report::new(self.format(), Verdict::Intact, None);
        report.place = Some(Place::Sidecar);
        match self.check_content(&self.whole(), &manifest) {
            Ok(()) => report.content_matches = Some(true),
            Err(EmbedError::OtherContent(reason)) => {
                let says_nothing = manifest.content.is_none();
                report.content_matches = (!says_nothing).then_some(false);
                let verdict = if says_nothing {
                    Verdict::Unchecked
                } else {
                    Verdict::Broken
                };
                report.worsen(verdict, reason);
            }
            Err(error) => return Err(error),
        }
        check_signature(&manifest, key_of, &mut report);
        report.manifest = Some(manifest);
        Ok(report)
    }
}

fn check_signature(manifest: &Manifest, key_of: &dyn Fn(&Did) -> Option<PublicKey>, report: &mut Report) {
    let is_own_id = manifest.computed_id().is_ok_and(|id| id == manifest.id);
    if manifest.id.names_a_digest() && !is_own_id {
        report.worsen(
            Verdict::Broken,
            "the manifest's id belongs to another content".to_owned(),
        );
    }
    if manifest.signature.is_none() {
        return report.worsen(Verdict::Unsigned, "nobody signed the manifest".to_owned());
    }
    let Some(signer) = manifest.signer() else {
        let reason = "the manifest does not say who signed it";
        return report.worsen(Verdict::Unchecked, reason.to_owned());
    };
    let Some(key) = key_of(signer) else {
        let reason = format!("the key of {signer} is not known here, so its signature cannot be checked");
        return report.worsen(Verdict::Unchecked, reason);
    };
    if let Err(error) = manifest.verify_signature(&key) {
        if report.verdict != Verdict::Broken {
            report.reason = Some(error.to_string());
        }
        report.verdict = Verdict::Broken;
    }
}

use std::path::{Path, PathBuf};

use clap::Args;
use imajin_did::{Did, PublicKey};
use imajin_fair::{LineageError, ManifestId, RecordError, SignatureError};
use imajin_fair_embed::{Place, Report, Verdict, Work};
use imajin_publisher_api::Chain;
use serde::Serialize;

use super::files::{name, open, refusal, sidecar, sidecar_read};
use super::library::Named;
use super::show::{ShownShare, shares, shares_text};
use crate::cli::signers::SignerLogs;
use crate::cli::{CommandError, NodeArg, Output};

/// What is checked.
#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArgs {
    /// The work; or the id of a manifest at a node, or its address there: then the works behind it are checked too.
    #[arg(value_name = "FILE|ID|URL")]
    file: PathBuf,
    #[command(flatten)]
    node: NodeArg,
    /// The signer's public key, as a multikey (`z6Mk…`) or 64 hex digits, where it is not the one that the DID is.
    #[arg(long, value_name = "KEY", value_parser = key_parse)]
    key: Option<PublicKey>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Verified {
    file: PathBuf,
    verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    place: Option<Place>,
    format: Option<&'static str>,
    content_matches: Option<bool>,
    id: Option<String>,
    title: Option<String>,
    signer: Option<String>,
    shares: Vec<ShownShare>,
}

fn key_parse(text: &str) -> Result<PublicKey, String> {
    let as_hex = PublicKey::from_hex(text);
    let key = as_hex.or_else(|_no_hex| PublicKey::from_multikey(text));
    key.map_err(|error| error.to_string())
}

impl VerifyArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let verified = match Named::of(&self.file) {
            Some(named) => self.named_verified(&named).await,
            None => self.file_verified().await,
        };
        let verified = match verified {
            Ok(verified) => verified,
            Err(error) => {
                // 1 and 2 are answers about the work, and this is none.
                output.error(&error);
                return Err(CommandError::Exit(3));
            }
        };
        output.result(&verified, text);
        match verified.verdict {
            Verdict::Intact => Ok(()),
            Verdict::Broken => Err(CommandError::Exit(1)),
            Verdict::Unsigned => Err(CommandError::Exit(2)),
            Verdict::Unchecked => Err(CommandError::Exit(3)),
        }
    }

    async fn named_verified(&self, named: &Named) -> Result<Verified, CommandError> {
        let chain = named.chain(&self.node).await?;
        let logs = SignerLogs::of_chain(&chain, &named.node_arg(&self.node)).await?;
        Ok(self.chain_verified(&chain, &logs))
    }

    /// What can be said of a manifest without the work that it is about: the signatures of the whole chain, and that it
    /// is complete and permitted. The node's own findings do not count.
    fn chain_verified(&self, chain: &Chain, logs: &SignerLogs) -> Verified {
        let (mut verdict, mut reason) = (Verdict::Intact, None);
        for work in std::iter::once(&chain.work).chain(&chain.sources) {
            let given = |did: &Did| self.key.filter(|_key| did.public_key().is_none());
            let checked = work
                .record
                .verify(&|did, at| logs.keys(did, at).or_else(|| given(did).map(|key| vec![key])));
            let (found, why) = match checked {
                Ok(_standing) => continue,
                Err(error @ RecordError::Signature(SignatureError::Unsigned)) => (Verdict::Unsigned, error),
                Err(error @ (RecordError::NoKey { .. } | RecordError::NoSigner)) => (Verdict::Unchecked, error),
                Err(error) => (Verdict::Broken, error),
            };
            if reason.is_none() || found == Verdict::Broken {
                verdict = found;
                reason = Some(format!("{}: {why}", work.record.manifest.id));
            }
        }
        let manifest = chain.work.record.manifest.clone();
        let find = |id: &ManifestId| chain.find(id).map(|work| work.record.manifest.clone());
        if let Err(error) = manifest.check_lineage(&find)
            && verdict == Verdict::Intact
        {
            let is_missing = matches!(error, LineageError::Missing { .. });
            verdict = if is_missing {
                Verdict::Unchecked
            } else {
                Verdict::Broken
            };
            reason = Some(error.to_string());
        }
        Verified {
            file: self.file.clone(),
            verdict,
            reason,
            place: None,
            format: None,
            content_matches: None,
            id: Some(manifest.id.to_string()),
            title: manifest.title.clone(),
            signer: manifest.signer().map(ToString::to_string),
            shares: shares(&manifest),
        }
    }

    /// A file is checked without asking anybody. Only when the key that the DID is has not signed it, its signer's key
    /// log is asked for: the key may have been replaced.
    async fn file_verified(&self) -> Result<Verified, CommandError> {
        let mut report = self.report(self.key)?;
        let is_open = report.verdict == Verdict::Broken && self.key.is_none() && report.content_matches != Some(false);
        let open = report.manifest.clone().filter(|_manifest| is_open);
        if let Some((manifest, signer)) = open.as_ref().and_then(|manifest| Some((manifest, manifest.signer()?))) {
            let logs = SignerLogs::of_all([signer.canonical()], &self.node)
                .await
                .unwrap_or_default();
            for key in logs.keys(signer, manifest.signed_at()).unwrap_or_default() {
                let with_key = self.report(Some(key))?;
                if with_key.verdict != Verdict::Broken {
                    report = with_key;
                    break;
                }
            }
            if report.verdict == Verdict::Broken {
                let reason = report.reason.unwrap_or_default();
                report.reason = Some(format!(
                    "{reason}; or with a key that took the place of the first one: name it with --key, or with --node \
                     a node that knows the signer"
                ));
            }
        }
        Ok(Verified::of(&self.file, report))
    }

    fn report(&self, key: Option<PublicKey>) -> Result<Report, CommandError> {
        let beside = sidecar_read(&self.file)?;
        let mut file = open(&self.file)?;
        let of_file = |error| refusal(&self.file, &error);
        let mut work = Work::open(&mut file, &name(&self.file)).map_err(of_file)?;
        let key_of = |did: &Did| key.or_else(|| did.public_key());
        work.verify(beside.as_deref(), &key_of).map_err(of_file)
    }
}

impl Verified {
    fn of(file: &Path, report: Report) -> Self {
        let signer = report.signer().map(ToString::to_string);
        let manifest = report.manifest;
        Self {
            file: file.to_owned(),
            verdict: report.verdict,
            reason: report.reason,
            place: report.place,
            format: report.format.map(imajin_fair_embed::Format::as_str),
            content_matches: report.content_matches,
            id: manifest.as_ref().map(|manifest| manifest.id.to_string()),
            title: manifest.as_ref().and_then(|manifest| manifest.title.clone()),
            signer,
            shares: manifest.as_ref().map(shares).unwrap_or_default(),
        }
    }
}

fn text(verified: &Verified) -> String {
    let path = verified.file.display();
    let verdict = match verified.verdict {
        Verdict::Intact => format!("{path} is intact: every byte is as it was signed."),
        Verdict::Broken => format!("{path} is BROKEN: something was changed after it was signed."),
        Verdict::Unsigned => format!("{path} is unsigned."),
        Verdict::Unchecked => format!("{path} cannot be checked completely."),
    };
    let mut lines = vec![verdict];
    lines.extend(verified.reason.as_ref().map(|reason| format!("why        {reason}")));
    lines.extend(verified.signer.as_ref().map(|signer| match verified.verdict {
        Verdict::Intact => format!("signed by  {signer}"),
        _ => format!("signed by  {signer}, or so it says"),
    }));
    lines.extend(verified.content_matches.map(|matches| {
        let word = if matches { "matches" } else { "DOES NOT MATCH" };
        format!("content    {word}")
    }));
    lines.extend(verified.id.as_ref().map(|id| match verified.place {
        Some(Place::Sidecar) => format!("manifest   {id}, in {}", sidecar(&verified.file).display()),
        _ => format!("manifest   {id}"),
    }));
    lines.extend(verified.title.as_ref().map(|title| format!("title      {title}")));
    if !verified.shares.is_empty() {
        lines.push("shares".to_owned());
        lines.push(shares_text(&verified.shares));
    }
    lines.join("\n")
}

use std::path::PathBuf;

use clap::Args;
use imajin_did::Did;
use imajin_fair::{Contributor, Manifest, ManifestId, Payee, Terms};
use imajin_fair_embed::{Layout, Work};
use imajin_kernel::Env;
use imajin_money::{Money, Share};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::files::{manifest_write, name, open, refusal, sidecar};
use crate::cli::key_file::signer_read;
use crate::cli::{CommandError, Output};

/// What the manifest says.
#[derive(Debug, Args)]
pub(in crate::cli) struct NewArgs {
    /// The work.
    file: PathBuf,
    /// Who made it and will sign.
    #[arg(long, value_name = "DID", required_unless_present = "key")]
    author: Option<Did>,
    /// The author's key file, in place of the DID. Nothing is signed yet.
    #[arg(long, value_name = "FILE", conflicts_with = "author")]
    key: Option<PathBuf>,
    /// A part of what it earns: `0.7,author,did:mjn:z6Mk…` or `0.3,source,fair_…`. May be repeated, and the shares sum
    /// to 1. Without any, the author gets all of it.
    #[arg(long = "share", value_name = "SHARE,ROLE,WHO", value_parser = contributor_parse)]
    shares: Vec<Contributor>,
    /// What the work is called.
    #[arg(long)]
    title: Option<String>,
    /// What kind of work it is: article, image, audio, video, code, …
    #[arg(long = "type", value_name = "WORD")]
    kind: Option<String>,
    /// Where the work is at home.
    #[arg(long, value_name = "URL")]
    canonical: Option<String>,
    /// The manifest of a work that this one is made from. May be repeated.
    #[arg(long, value_name = "ID")]
    derives_from: Vec<ManifestId>,
    /// What may be done with it: `read=0.08 USD`, `train=prohibited`, `remix=free`. May be repeated.
    #[arg(long = "term", value_name = "ACTION=PRICE", value_parser = term_parse)]
    terms: Vec<(String, Value)>,
    /// The share that a remix owes to this work.
    #[arg(long, value_name = "SHARE")]
    royalty: Option<Share>,
    /// Where to write the manifest; beside the work, as FILE.fair.json, when not given.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace a manifest that is there already.
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
struct Made {
    manifest: PathBuf,
    id: String,
    sha256: String,
    size: u64,
}

fn contributor_parse(text: &str) -> Result<Contributor, String> {
    let mut parts = text.splitn(3, ',').map(str::trim);
    let (Some(share), Some(role), Some(who)) = (parts.next(), parts.next(), parts.next()) else {
        return Err("write it as SHARE,ROLE,WHO, for example 0.7,author,did:mjn:z6Mk…".to_owned());
    };
    let share: Share = share.parse().map_err(|error| format!("{share}: {error}"))?;
    let payee = if who.starts_with("fair_") {
        Payee::Fair(who.parse().map_err(|error| format!("{who}: {error}"))?)
    } else {
        Payee::Did(who.parse().map_err(|error| format!("{who}: {error}"))?)
    };
    Ok(Contributor::new(payee, role, share))
}

fn term_parse(text: &str) -> Result<(String, Value), String> {
    let (action, price) = text
        .split_once('=')
        .ok_or("write it as ACTION=PRICE, for example train=prohibited")?;
    let term = match price.trim() {
        word @ ("free" | "prohibited") => json!({"price": word}),
        price => {
            let checked: Result<Money, _> = price.parse();
            checked.map_err(|error| format!("{price}: {error}"))?;
            // What was written is kept: the parser has only said that it is an amount.
            let (amount, currency) = price.split_once(' ').unwrap_or((price, ""));
            json!({"price": amount, "currency": currency.trim()})
        }
    };
    Ok((action.trim().to_owned(), term))
}

impl NewArgs {
    pub(super) fn run(self, output: Output) -> Result<(), CommandError> {
        let out = self.out.clone().unwrap_or_else(|| sidecar(&self.file));
        if out.exists() && !self.force {
            return Err(refusal(&out, &"this exists already; --force replaces it"));
        }
        let manifest = self.manifest()?;
        manifest_write(&out, &manifest)?;
        let content = manifest.content.as_ref();
        let made = Made {
            id: manifest.id.to_string(),
            sha256: content.map(|content| content.sha256.clone()).unwrap_or_default(),
            size: content.and_then(|content| content.size).unwrap_or_default(),
            manifest: out,
        };
        output.result(&made, |made| {
            let path = made.manifest.display();
            format!("Wrote {} to {path}. Next: imajin fair sign {path} --key FILE", made.id)
        });
        Ok(())
    }

    fn manifest(self) -> Result<Manifest, CommandError> {
        let author = match (&self.author, &self.key) {
            (Some(did), _) => did.clone(),
            (None, Some(path)) => signer_read(path)?.1,
            (None, None) => return Err(CommandError::Local("who made it? Give --author or --key".to_owned())),
        };
        let mut file = open(&self.file)?;
        let of_file = |error| refusal(&self.file, &error);
        let mut work = Work::open(&mut file, &name(&self.file)).map_err(of_file)?;
        // A manifest that is there already is not part of the work.
        let layout: Layout = work.original().map_err(of_file)?;
        let content = work.content(&layout).map_err(of_file)?;
        let mut terms: Map<String, Value> = self.terms.into_iter().collect();
        if let Some(royalty) = self.royalty {
            let remix = terms.entry("remix").or_insert_with(|| json!({}));
            if let Value::Object(members) = remix {
                members.insert("royalty".to_owned(), royalty.to_number().into());
            }
        }
        let wrong = |error: &dyn std::fmt::Display| CommandError::Local(error.to_string());
        let terms = Terms::try_from(Value::Object(terms)).map_err(|error| wrong(&format!("the terms: {error}")))?;
        let contributors = if self.shares.is_empty() {
            vec![Contributor::new(Payee::Did(author.clone()), "author", Share::ONE)]
        } else {
            self.shares
        };
        let mut manifest = Manifest::new(contributors).map_err(|error| wrong(&error))?;
        manifest.title = self.title;
        manifest.kind = self.kind;
        manifest.created = Some(Env::system().now().to_string());
        manifest.author = Some(author);
        manifest.canonical = self.canonical;
        manifest.derives_from = self.derives_from;
        manifest.terms = terms;
        manifest.content = Some(content);
        manifest.id = manifest.computed_id().map_err(|error| wrong(&error))?;
        manifest.check().map_err(|error| wrong(&error))?;
        Ok(manifest)
    }
}

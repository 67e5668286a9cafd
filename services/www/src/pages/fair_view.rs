//! From a chain of works to what the page says about it. All of it is pure.

use imajin_did::Did;
use imajin_fair::plan::{Explanation, FeeSchedule, PlanError, PlanInput, Step, explain};
use imajin_fair::{Action, Manifest, ManifestId, Price, Terms};
use imajin_money::{Money, Share};
use imajin_publisher_api::{Chain, ChainWork, KeptWhere, SignatureFinding};
use imajin_ui::{CheckRow, CheckState, FairAccept, FairActs, FairView, FairWork, LegRow, PathStep};
use imajin_web::{Custody, SessionView, Tier};
use url::Url;

use crate::names::Names;
use crate::show::{amount_text, did_short, id_short, money_text, part_percent, share_percent};

/// What came out of checking the file that a manifest was in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FileFinding {
    /// Byte for byte what the manifest is about.
    Intact,
    /// The manifest does not say which bytes it is about.
    Unstated,
    /// The file was changed, or the manifest is another file's; with the reason.
    Broken(String),
}

pub(super) fn view_of(chain: &Chain, file: Option<FileFinding>, gross: &Money, names: &Names, node: &Did) -> FairView {
    let manifest = &chain.work.record.manifest;
    let plan = plan_of(chain, gross, node);
    let mut checks: Vec<CheckRow> = Vec::new();
    checks.push(signature_check(&chain.work, names));
    checks.extend(file.map(file_check));
    checks.extend(sources_check(chain));
    checks.extend(agreement_check(chain));
    let (mut legs, mut ways) = (Vec::new(), Vec::new());
    match plan {
        Ok(plan) => {
            for (leg, steps) in plan.legs() {
                legs.push(leg_row(chain, leg, gross, names));
                ways.push(way(chain, steps));
            }
        }
        Err(error) => checks.push(check(
            CheckState::Bad,
            "Nobody can be paid along it",
            format!("{error}."),
        )),
    }
    let is_here = chain.work.kept != KeptWhere::Given;
    FairView {
        title: title_of(manifest),
        kind: manifest.kind.clone().unwrap_or_default(),
        id: manifest.id.to_string(),
        json_url: is_here.then(|| format!("/publisher/api/fair/{}/record", manifest.id)),
        canonical: manifest.canonical.clone(),
        checks,
        gross: money_text(gross),
        legs,
        ways,
        terms: terms_of(&manifest.terms),
        works: std::iter::once(&chain.work)
            .chain(&chain.sources)
            .map(|work| work_of(work, names))
            .collect(),
        missing: chain
            .missing
            .iter()
            .map(|work| (work.id.to_string(), sentence(&work.reason)))
            .collect(),
    }
}

/// What the reader can do about a work that this node has.
pub(super) fn acts_of(session: &SessionView, chain: &Chain, node: &Did) -> FairActs {
    let work = &chain.work;
    let is_signed = matches!(work.signature, SignatureFinding::Valid { .. });
    if !is_signed || work.kept == KeptWhere::Given {
        return FairActs::default();
    }
    let is_awaited = work.outstanding.contains(&session.did.canonical());
    let is_operator = session.tier == Tier::Operator && session.custody == Custody::Own;
    FairActs {
        accept: is_awaited.then(|| match (&work.kept, session.custody) {
            (KeptWhere::Elsewhere { url }, _) => FairAccept::At(page_at_home(url, &work.record.manifest.id)),
            (_, Custody::Node) => FairAccept::OwnKey,
            (_, Custody::Own) => FairAccept::Here,
        }),
        endorse: is_operator && work.kept != KeptWhere::Goods && !work.endorsed.contains(node),
    }
}

/// The page about a manifest at the node where a copy is from.
fn page_at_home(url: &str, id: &ManifestId) -> String {
    let page = Url::parse(url).and_then(|url| url.join(&format!("/fair/{id}")));
    page.map_or_else(|_error| url.to_owned(), |page| page.to_string())
}

fn plan_of(chain: &Chain, gross: &Money, node: &Did) -> Result<Explanation, PlanError> {
    let manifest = &chain.work.record.manifest;
    let seller = manifest.author.as_ref().or_else(|| manifest.signer()).unwrap_or(node);
    explain(&PlanInput {
        gross: *gross,
        fees: &FeeSchedule::none(),
        seller: seller.clone(),
        manifest,
        manifests: &|id: &ManifestId| chain.find(id).map(|work| work.record.manifest.clone()),
        accepted: &|id: &ManifestId, did: &Did| chain.find(id).is_some_and(|work| work.accepted.contains(did)),
    })
}

fn check(state: CheckState, title: impl Into<String>, text: impl Into<String>) -> CheckRow {
    CheckRow {
        state,
        title: title.into(),
        text: text.into(),
    }
}

fn signature_check(work: &ChainWork, names: &Names) -> CheckRow {
    match &work.signature {
        SignatureFinding::Valid { signer } => check(
            CheckState::Good,
            format!("Signed by {}", names.of(signer)),
            format!("Everything in it is as {} signed it.", did_short(signer)),
        ),
        SignatureFinding::Unsigned => check(
            CheckState::Bad,
            "Unsigned",
            "Nobody has signed this manifest, so nobody stands by what it says.",
        ),
        SignatureFinding::Broken { reason } => check(CheckState::Bad, "The signature is broken", sentence(reason)),
        SignatureFinding::Unchecked { reason } => check(
            CheckState::Open,
            "The signature cannot be checked here",
            sentence(reason),
        ),
    }
}

fn file_check(file: FileFinding) -> CheckRow {
    match file {
        FileFinding::Intact => check(
            CheckState::Good,
            "The file is the one that the manifest is about",
            "Byte for byte: nothing was changed since.",
        ),
        FileFinding::Unstated => check(
            CheckState::Open,
            "The manifest does not say which file it is about",
            "It could have been put into any file.",
        ),
        FileFinding::Broken(reason) => check(
            CheckState::Bad,
            "The file was changed, or the manifest is another file's",
            sentence(&reason),
        ),
    }
}

/// What came out of looking at the works behind it; nothing when it is an original.
fn sources_check(chain: &Chain) -> Option<CheckRow> {
    if let Some(refusal) = &chain.refusal {
        let title = if chain.missing.is_empty() {
            "It may not be made from its sources"
        } else {
            "Not all of its sources were found"
        };
        return Some(check(CheckState::Bad, title, sentence(&refusal.detail)));
    }
    match chain.sources.len() {
        0 => None,
        1 => Some(check(
            CheckState::Good,
            "Its source was found and permits it",
            "It is what its id says, and gets the share that it asks for.",
        )),
        count => Some(check(
            CheckState::Good,
            format!("All of its {count} sources were found and permit it"),
            "Each is what its id says, and gets the share that it asks for.",
        )),
    }
}

fn agreement_check(chain: &Chain) -> Option<CheckRow> {
    let works = std::iter::once(&chain.work).chain(&chain.sources);
    let outstanding: usize = works.map(|work| work.outstanding.len()).sum();
    let is_signed = matches!(chain.work.signature, SignatureFinding::Valid { .. });
    match outstanding {
        0 => Some(check(
            CheckState::Good,
            "Everybody agrees with the split",
            "Each contributor has signed for it.",
        )),
        _ if !is_signed => None,
        1 => Some(check(
            CheckState::Open,
            "One contributor has not signed yet",
            "What is theirs is held for 90 days, until they sign.",
        )),
        count => Some(check(
            CheckState::Open,
            format!("{count} contributors have not signed yet"),
            "What is theirs is held for 90 days, until they sign.",
        )),
    }
}

fn leg_row(chain: &Chain, leg: &imajin_fair::plan::Leg, gross: &Money, names: &Names) -> LegRow {
    let step = |id: &ManifestId| PathStep {
        manifest_id: id.to_string(),
        title: chain
            .find(id)
            .map_or_else(|| id_short(id.as_str()), |work| title_of(&work.record.manifest)),
    };
    LegRow {
        name: names.of(&leg.did),
        did: leg.did.to_string(),
        short_did: did_short(&leg.did),
        role: leg.role.clone(),
        // The first manifest is the work's own.
        path: leg.path.iter().skip(1).map(step).collect(),
        percent: part_percent(leg.amount, gross.amount),
        amount: amount_text(leg.amount, gross.asset),
        amount_micros: leg.amount.micros(),
        held: leg.held,
        paid_to: String::new(),
    }
}

/// The way to a payee in words, such as `25 % of Remix goes to Strings, and 50 % of that to them`.
fn way(chain: &Chain, steps: &[Step]) -> String {
    let title = |id: &ManifestId| {
        chain
            .find(id)
            .map_or_else(|| id_short(id.as_str()), |work| title_of(&work.record.manifest))
    };
    let parts = steps.iter().map(|step| {
        let share = Share::from_millionths(step.share_millionths)
            .map(share_percent)
            .unwrap_or_default();
        format!("{share} of {}", title(&step.manifest))
    });
    parts.collect::<Vec<_>>().join(", then ")
}

fn work_of(work: &ChainWork, names: &Names) -> FairWork {
    let manifest = &work.record.manifest;
    let list = |dids: &[Did]| dids.iter().map(|did| names.of(did)).collect::<Vec<_>>().join(", ");
    let finding = signature_check(work, names);
    FairWork {
        title: title_of(manifest),
        id: manifest.id.to_string(),
        url: (work.kept != KeptWhere::Given).then(|| format!("/fair/{}", manifest.id)),
        author: manifest.signer().map(|did| names.of(did)).unwrap_or_default(),
        state: finding.state,
        signature: finding.title,
        accepted: list(&work.accepted),
        outstanding: list(&work.outstanding),
        endorsed: list(&work.endorsed),
        kept: match &work.kept {
            KeptWhere::Given => "you, just now; it is not kept".to_owned(),
            KeptWhere::Library => "this node's library".to_owned(),
            KeptWhere::Goods => "this node, where it is sold".to_owned(),
            KeptWhere::Elsewhere { url } => format!("another node: {url}"),
        },
    }
}

fn title_of(manifest: &Manifest) -> String {
    manifest.title.clone().unwrap_or_else(|| id_short(manifest.id.as_str()))
}

fn terms_of(terms: &Terms) -> Vec<(String, String)> {
    let known = [
        (Action::Read, "Read, see or hear it"),
        (Action::Train, "Train a model with it"),
        (Action::Redistribute, "Pass it on"),
        (Action::Remix, "Make something out of it"),
    ];
    let said = known
        .into_iter()
        .filter_map(|(action, name)| Some((name, terms.get(action)?)));
    said.map(|(name, term)| {
        let price = match term.price {
            Some(Price::Free) => Some("free".to_owned()),
            Some(Price::Prohibited) => Some("not allowed".to_owned()),
            Some(Price::Of(money)) => Some(money.to_string()),
            None => None,
        };
        let royalty = term
            .royalty
            .map(|share| format!("for a share of {}", share_percent(share)));
        let consent = term.consent.as_ref().map(|word| format!("consent: {word}"));
        let words = price
            .into_iter()
            .chain(royalty)
            .chain(consent)
            .chain(term.conditions.iter().cloned());
        (name.to_owned(), words.collect::<Vec<_>>().join(", "))
    })
    .collect()
}

/// A reason as a sentence of its own.
fn sentence(reason: &str) -> String {
    let mut letters = reason.trim().trim_end_matches('.').chars();
    let first = letters
        .next()
        .map(|letter| letter.to_uppercase().to_string())
        .unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

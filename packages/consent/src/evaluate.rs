use imajin_did::Did;
use imajin_fair::{Action, Manifest, Price, Term};
use imajin_money::{Money, Share};

use crate::{ContentRef, IntendedUse, Refusal, VerifiedDeclaration};

/// The words for consent that a signed declaration satisfies. `implicit` asks for less; any other word asks for
/// something that nobody here can give.
const DECLARED: [&str; 3] = ["implicit", "explicit", "declared"];

/// A use of a work that somebody asks for.
#[derive(Debug, Clone, Copy)]
pub struct WorkAsked<'a> {
    /// The work's manifest.
    pub manifest: &'a Manifest,
    /// What is being done, by what the request is.
    pub wanted: IntendedUse,
    /// Which part of the work, where the protocol knows parts.
    pub scope: Option<&'a str>,
    /// What its seller asks for where the manifest is silent.
    pub price_named: Option<Money>,
    /// The most that the consumer offers to pay.
    pub offered: Option<Money>,
}

/// The terms are met by this declaration: what it costs, and what has to be observed.
///
/// It is not consent in force yet: what has a price must be settled first, see [`Permit::conclude`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    pub(crate) consumer: Did,
    pub(crate) content: ContentRef,
    pub(crate) intended_use: IntendedUse,
    pub(crate) declaration: [u8; 32],
    pub(crate) price: Option<Money>,
    pub(crate) offered: Option<Money>,
    pub(crate) conditions: Vec<String>,
    pub(crate) royalty: Option<Share>,
}

impl Permit {
    /// What is due; `None` when it is free.
    pub const fn price(&self) -> Option<Money> {
        self.price
    }

    /// What has to be observed, for example `attribution-required`.
    pub fn conditions(&self) -> &[String] {
        &self.conditions
    }

    /// The share that a remix owes to this work.
    pub const fn royalty(&self) -> Option<Share> {
        self.royalty
    }

    /// Who may use it.
    pub const fn consumer(&self) -> &Did {
        &self.consumer
    }

    /// SHA-256 of the declaration: what a receipt names.
    pub const fn declaration(&self) -> &[u8; 32] {
        &self.declaration
    }
}

/// Whether a use needs a signed declaration at all: reading does not, where the manifest says `implicit` or is silent.
pub fn is_declaration_needed(manifest: &Manifest, wanted: IntendedUse) -> bool {
    let word = manifest
        .terms
        .get(wanted.action())
        .and_then(|term| term.consent.as_deref());
    match word {
        Some(word) => word != "implicit",
        None => wanted != IntendedUse::Read,
    }
}

/// Whether a declaration meets the terms of a work for a use, and what is then due.
///
/// # Errors
/// [`Refusal::Unmet`] with the first term that fails, in this order: `content`, `intendedUse`, `scope`, then those of
/// the manifest; [`Refusal::Unpaid`] only when all of them are met.
pub fn evaluate(declared: &VerifiedDeclaration, asked: &WorkAsked<'_>) -> Result<Permit, Refusal> {
    let content = ContentRef::Fair(asked.manifest.id.clone());
    declared_check(declared, &[&content], asked.scope)?;
    let intended = declared.declaration().intended_use();
    if intended != asked.wanted {
        let detail = format!(
            "The consent is to {intended}, and this is to {}: sign one for this use.",
            asked.wanted
        );
        return Err(Refusal::unmet("intendedUse", detail));
    }
    let action = asked.wanted.action();
    let silent = Term::default();
    let term = match asked.manifest.terms.get(action) {
        Some(term) => term,
        // Who publishes a work lets it be read; nothing else goes without saying.
        None if action == Action::Read => &silent,
        None => {
            let name = format!("terms.{}", action.as_str());
            let detail = format!(
                "The manifest says nothing about this use ({}): ask its author.",
                action.as_str()
            );
            return Err(Refusal::unmet(name, detail));
        }
    };
    let price = term_check(term, action, asked.price_named)?;
    paid_check(price, asked.offered)?;
    Ok(Permit {
        consumer: declared.consumer(),
        content,
        intended_use: intended,
        declaration: *declared.digest(),
        price,
        offered: asked.offered,
        conditions: term.conditions.clone(),
        royalty: term.royalty,
    })
}

/// The price that a term asks for, if the rest of it can be met by a declaration.
fn term_check(term: &Term, action: Action, named: Option<Money>) -> Result<Option<Money>, Refusal> {
    let name = |member: &str| format!("terms.{}.{member}", action.as_str());
    if term.price == Some(Price::Prohibited) {
        let detail = format!("The author prohibits this use ({}) at any price.", action.as_str());
        return Err(Refusal::unmet(name("price"), detail));
    }
    if let Some(word) = term.consent.as_deref()
        && !DECLARED.contains(&word)
    {
        let detail = format!("The author asks for consent of the kind {word:?}, which a declaration does not give.");
        return Err(Refusal::unmet(name("consent"), detail));
    }
    let price = match term.price {
        Some(Price::Of(price)) => Some(price),
        Some(Price::Free | Price::Prohibited) => None,
        None => named,
    };
    Ok(price.filter(|price| !price.is_zero()))
}

/// Whether the declaration is about this content and this part of it.
pub(crate) fn declared_check(
    declared: &VerifiedDeclaration,
    contents: &[&ContentRef],
    scope: Option<&str>,
) -> Result<(), Refusal> {
    let declaration = declared.declaration();
    if !contents
        .iter()
        .any(|content| content.is_equivalent(declaration.content()))
    {
        let detail = "The consent is about something else: sign one that names this content.";
        return Err(Refusal::unmet("content", detail));
    }
    if declaration.scope().is_some() && declaration.scope() != scope {
        let detail = "The consent is kept to another part: sign one for this part, or without a scope.";
        return Err(Refusal::unmet("scope", detail));
    }
    Ok(())
}

/// Whether enough is offered.
pub(crate) fn paid_check(price: Option<Money>, offered: Option<Money>) -> Result<(), Refusal> {
    let Some(price) = price.filter(|price| !price.is_zero()) else {
        return Ok(());
    };
    let detail = match offered {
        None => "nothing was offered; add a settlement instruction.".to_owned(),
        Some(offered) if offered.asset != price.asset => format!("{offered} was offered, and nothing converts it."),
        Some(offered) if offered.amount < price.amount => format!("at most {offered} was offered; offer more."),
        Some(_) => return Ok(()),
    };
    Err(Refusal::Unpaid { price, detail })
}

//! `/fair` and `/fair/{id}`: a manifest, the works behind it, who gets what, and whether all of it holds.

use askama::Template;

use crate::flow::{Flow, FlowWords};
use crate::{LegRow, MoneyText, Shell};

/// The form, and below it the manifest that was asked for.
#[derive(Debug, Clone, Template)]
#[template(path = "fair.html")]
pub struct FairPage {
    /// The frame.
    pub shell: Shell,
    /// What is in the form.
    pub form: FairForm,
    /// What was found; nothing before anybody asked.
    pub view: Option<FairView>,
    /// What the reader can do about it.
    pub acts: FairActs,
}

/// What the reader can do about a manifest.
#[derive(Debug, Clone, Default)]
pub struct FairActs {
    /// Sign for the split, as a contributor who has not.
    pub accept: Option<FairAccept>,
    /// Have the node endorse it.
    pub endorse: bool,
}

/// Where a contributor signs for a split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FairAccept {
    /// On this page, with the key in the browser.
    Here,
    /// At the node where the work is at home: the address of its page.
    At(String),
    /// Nowhere yet: the node holds the contributor's key.
    OwnKey,
}

impl FairActs {
    /// Whether this page signs something.
    fn is_signed_here(&self) -> bool {
        self.endorse || self.accept == Some(FairAccept::Here)
    }
}

/// What is in the form.
#[derive(Debug, Clone, Default)]
pub struct FairForm {
    /// An id or an address.
    pub query: String,
    /// The sample amount, such as `10.00`.
    pub amount: String,
    /// Its currency.
    pub currency: String,
    /// What was wrong with the last try.
    pub problem: Option<String>,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CheckState {
    /// In order.
    Good,
    /// Not wrong, and not finished.
    #[default]
    Open,
    /// Wrong.
    Bad,
}

impl CheckState {
    fn class(self) -> &'static str {
        match self {
            Self::Good => "notice-good",
            Self::Open => "notice-warn",
            Self::Bad => "notice-bad",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Good => "In order",
            Self::Open => "Open",
            Self::Bad => "Wrong",
        }
    }
}

/// Something that was checked, in words.
#[derive(Debug, Clone, Default)]
pub struct CheckRow {
    /// How it came out.
    pub state: CheckState,
    /// What was checked.
    pub title: String,
    /// What came out.
    pub text: String,
}

/// A manifest with everything behind it.
#[derive(Debug, Clone, Default)]
pub struct FairView {
    /// What the work is called.
    pub title: String,
    /// What kind of work it is; may be empty.
    pub kind: String,
    /// The manifest's id.
    pub id: String,
    /// Where the manifest itself can be read, if this node has it.
    pub json_url: Option<String>,
    /// Where the work is at home, if it says so.
    pub canonical: Option<String>,
    /// What was checked, the most important first.
    pub checks: Vec<CheckRow>,
    /// The sample amount.
    pub gross: MoneyText,
    /// Who gets how much of it; empty when there is no plan.
    pub legs: Vec<LegRow>,
    /// For each of them the way there, such as `25 % of Remix, then 50 % of Strings`.
    pub ways: Vec<String>,
    /// What may be done with the work.
    pub terms: Vec<(String, String)>,
    /// The work, and the works behind it.
    pub works: Vec<FairWork>,
    /// Works that were not found, and why.
    pub missing: Vec<(String, String)>,
}

/// One work of a chain.
#[derive(Debug, Clone, Default)]
pub struct FairWork {
    /// What it is called.
    pub title: String,
    /// The manifest's id.
    pub id: String,
    /// The page about it, if this node has it.
    pub url: Option<String>,
    /// Who signed it.
    pub author: String,
    /// Whether the signature holds.
    pub state: CheckState,
    /// The same in words.
    pub signature: String,
    /// Contributors who agree, by name.
    pub accepted: String,
    /// Contributors who have said nothing yet, by name.
    pub outstanding: String,
    /// Nodes that endorsed it, by name.
    pub endorsed: String,
    /// Where it is from.
    pub kept: String,
}

impl FairView {
    /// The picture for a phone, and the one for a wide page.
    pub(crate) fn flows(&self) -> Vec<Flow> {
        let words = FlowWords {
            title: "Who gets what of a sample amount",
            note: "a sample",
        };
        let leaves: Vec<_> = self.legs.iter().map(LegRow::flow_leaf).collect();
        Flow::both(words, &self.gross, &leaves)
    }

    /// The rows of the table.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&LegRow, &str)> {
        self.legs.iter().zip(self.ways.iter().map(String::as_str))
    }
}

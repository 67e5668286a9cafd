//! Works that are read here: `/read/{id}`, publishing one, and lists of them.

use askama::Template;

use crate::{MoneyText, Shell, SplitView, When};

/// The page of one work: the text, or the way to the file, or what it costs.
///
/// For a viewer whose key is in the browser, `read.js` sends the signed requests that pay for it.
#[derive(Debug, Clone, Template)]
#[template(path = "read.html")]
pub struct ReadPage {
    /// The frame.
    pub shell: Shell,
    /// Identifier, for links and requests.
    pub id: String,
    /// Title.
    pub title: String,
    /// What it is about.
    pub summary: String,
    /// Name of the author.
    pub author: String,
    /// What everybody may read.
    pub preview: SafeHtml,
    /// The whole article, for who may read it.
    pub article: Option<SafeHtml>,
    /// The file, for who may read it, when it is no article.
    pub file: Option<WorkFile>,
    /// What it costs; nothing when it is free.
    pub price: Option<MoneyText>,
    /// Whether the viewer may read it.
    pub access: ReadAccess,
    /// Who gets what of the price.
    pub split: SplitView,
}

/// HTML that was made safe before it came here: without scripts, styles, forms and frames. It is the only thing on any
/// page that is not escaped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SafeHtml(pub String);

/// A file that can be read.
#[derive(Debug, Clone, Default)]
pub struct WorkFile {
    /// Where it is.
    pub url: String,
    /// What it is called.
    pub name: String,
    /// Such as `1.2 MB, image/png`.
    pub about: String,
}

/// Whether somebody may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReadAccess {
    /// It is theirs.
    Author,
    /// They have paid.
    Paid,
    /// It is free.
    Free,
    /// They would have to pay.
    #[default]
    Unpaid,
    /// Nobody new can have it.
    Withdrawn,
}

impl ReadAccess {
    /// As a word for tests and scripts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Author => "author",
            Self::Paid => "paid",
            Self::Free => "free",
            Self::Unpaid => "unpaid",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// In a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Author => "This is your own work, in its newest version.",
            Self::Paid => "You have paid for this, and it stays yours.",
            Self::Free => "Everybody may read this.",
            Self::Unpaid => "The rest is for those who pay.",
            Self::Withdrawn => "Its author has withdrawn this. Who had paid before keeps it.",
        }
    }

    /// Whether there is something to pay.
    pub fn is_unpaid(self) -> bool {
        self == Self::Unpaid
    }
}

/// Publishing a work. Use it only with `shell.viewer` set.
#[derive(Debug, Clone, Template)]
#[template(path = "publish.html")]
pub struct PublishPage {
    /// The frame.
    pub shell: Shell,
    /// The currency that is filled in.
    pub currency: String,
}

/// A list of works: those that everybody may find, one's own with what they have sold, or those that one has paid for.
#[derive(Debug, Clone, Template)]
#[template(path = "works.html")]
pub struct WorksPage {
    /// The frame.
    pub shell: Shell,
    /// The heading.
    pub heading: String,
    /// What is said when there are none.
    pub empty: String,
    /// Whether one can publish from here.
    pub can_publish: bool,
    /// The works, the newest first.
    pub works: Vec<WorkItem>,
}

/// A work in a list.
#[derive(Debug, Clone, Default)]
pub struct WorkItem {
    /// Identifier.
    pub id: String,
    /// Title.
    pub title: String,
    /// What it is about.
    pub summary: String,
    /// What it costs; nothing when it is free.
    pub price: Option<MoneyText>,
    /// Such as `draft`; empty where that goes without saying.
    pub state: String,
    /// Such as `2 readers`; empty in a library.
    pub readers: String,
    /// What it has brought, or what was paid for it.
    pub sums: Vec<MoneyText>,
    /// When it was paid.
    pub paid_at: Option<When>,
    /// The receipt of one's own payment, if it is in a library.
    pub receipt: Option<String>,
}

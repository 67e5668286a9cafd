//! The operator's pages about money, and the page of the fees: each a column of blocks, so that a service can lay out
//! what it has without a template for each list.

use askama::Template;

use crate::Shell;
use crate::chart::Chart;

/// A page of blocks.
#[derive(Debug, Clone, Template)]
#[template(path = "money.html")]
pub struct MoneyPage {
    /// The frame.
    pub shell: Shell,
    /// The heading.
    pub title: String,
    /// One sentence below it.
    pub lead: String,
    /// The way to the other pages of this group: where, and what it is called.
    pub tabs: Vec<(String, String)>,
    /// The blocks, from top to bottom.
    pub blocks: Vec<Block>,
}

/// A piece of a page.
#[derive(Debug, Clone)]
pub enum Block {
    /// A heading.
    Heading(String),
    /// A paragraph.
    Text(String),
    /// A paragraph that must be seen: its tone (`good`, `warn`, `bad`, `calm`) and text.
    Notice(&'static str, String),
    /// Large numbers with a word below each.
    Figures(Vec<Figure>),
    /// Bars over time.
    Chart(Chart),
    /// Rows and columns.
    Table(Table),
    /// Names and values.
    Facts(Vec<(String, Cell)>),
    /// A form that only looks something up.
    Search(Search),
    /// Buttons that change something: the browser signs with the reader's key.
    Acts(Vec<Act>),
    /// A form that changes something with what is written into it: the browser signs with the reader's key.
    Form(ActForm),
    /// A form whose answer is a page, without a signature: it changes nothing.
    Ask(AskForm),
    /// Links to go on with.
    Links(Vec<(String, String)>),
    /// The operator's form for the fees.
    FeesForm(FeesForm),
    /// Where another part of the node may put its own form: an identifier.
    Place(&'static str),
}

/// A large number.
#[derive(Debug, Clone, Default)]
pub struct Figure {
    /// Such as `3` or `12.00 TEST-USD`.
    pub value: String,
    /// What it counts.
    pub label: String,
    /// Where it leads; empty for nowhere.
    pub href: String,
    /// `good`, `warn`, `bad` or `calm`.
    pub tone: &'static str,
}

/// Rows and columns.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// Identifier on its page.
    pub id: String,
    /// What it is about, for its heading.
    pub title: String,
    /// The columns; a name that starts with `#` is of numbers.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
    /// What stands there instead when there is no row.
    pub empty: String,
    /// Where the next page is; empty on the last one.
    pub next: String,
}

/// A cell of a table.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    /// What it says.
    pub text: String,
    /// Where it leads; empty for nowhere.
    pub href: String,
    /// Whether it is something for machines, such as an identifier.
    pub is_mono: bool,
    /// Whether it is a number.
    pub is_number: bool,
    /// Shown as a tag of this tone, if not empty.
    pub tone: &'static str,
    /// A second line, smaller.
    pub fine: String,
    /// A button instead of the text.
    pub act: Option<Act>,
}

/// A form that looks something up.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// Where it goes.
    pub action: String,
    /// What is looked for now.
    pub query: String,
    /// What can be looked for.
    pub help: String,
}

/// A button that has the browser send a signed request.
#[derive(Debug, Clone, Default)]
pub struct Act {
    /// What it says.
    pub label: String,
    /// The path of the request.
    pub path: String,
    /// Its body: JSON.
    pub body: String,
}

/// A form that has the browser send a signed request with what is written into it.
#[derive(Debug, Clone, Default)]
pub struct ActForm {
    /// Identifier on its page.
    pub id: String,
    /// What it is for.
    pub title: String,
    /// What its button says.
    pub label: String,
    /// The path of the request.
    pub path: String,
    /// What the body has besides the fields: JSON.
    pub body: String,
    /// What is to be written.
    pub fields: Vec<ActField>,
}

/// A field of an [`ActForm`].
#[derive(Debug, Clone, Default)]
pub struct ActField {
    /// The member of the body; left out while nothing is written.
    pub name: String,
    /// What stands beside it.
    pub label: String,
    /// What it starts with.
    pub value: String,
    /// Whether the form is sent without it.
    pub is_optional: bool,
}

/// A form whose answer is a page.
#[derive(Debug, Clone, Default)]
pub struct AskForm {
    /// Identifier on its page.
    pub id: String,
    /// What it is for.
    pub title: String,
    /// What its button says.
    pub label: String,
    /// Where it goes.
    pub action: String,
    /// Whether what is written is too long for an address.
    pub is_post: bool,
    /// What is asked.
    pub fields: Vec<AskField>,
}

/// A field of an [`AskForm`].
#[derive(Debug, Clone)]
pub struct AskField {
    /// The parameter.
    pub name: String,
    /// What stands beside it.
    pub label: String,
    /// What it starts with.
    pub value: String,
    /// How it is written.
    pub kind: AskKind,
}

/// How a field is written.
#[derive(Debug, Clone)]
pub enum AskKind {
    /// A line.
    Text,
    /// Many lines.
    Long,
    /// Not at all: it goes along.
    Hidden,
    /// One of these: what is sent, and what it is called.
    Choice(Vec<(String, String)>),
}

/// The form for the fees.
#[derive(Debug, Clone, Default)]
pub struct FeesForm {
    /// The currency of the sample.
    pub currency: String,
    /// The fees that it starts with: name, recipient, percent.
    pub lines: Vec<(String, String, String)>,
}

impl Cell {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// A number.
    pub fn number(text: impl Into<String>) -> Self {
        Self {
            is_number: true,
            ..Self::text(text)
        }
    }

    /// Something for machines.
    pub fn mono(text: impl Into<String>) -> Self {
        Self {
            is_mono: true,
            ..Self::text(text)
        }
    }

    /// A word with a colour.
    pub fn tag(text: impl Into<String>, tone: &'static str) -> Self {
        Self {
            tone,
            ..Self::text(text)
        }
    }

    /// The same, leading somewhere.
    #[must_use]
    pub fn to(mut self, href: impl Into<String>) -> Self {
        self.href = href.into();
        self
    }

    /// The same, with a second line.
    #[must_use]
    pub fn fine(mut self, fine: impl Into<String>) -> Self {
        self.fine = fine.into();
        self
    }

    /// Whether there is nothing in it.
    pub(crate) fn is_blank(&self) -> bool {
        self.text.is_empty() && self.fine.is_empty() && self.act.is_none()
    }

    /// A button.
    pub fn button(act: Act) -> Self {
        Self {
            act: Some(act),
            ..Self::default()
        }
    }
}

impl Table {
    /// The columns without the mark, and whether each is of numbers.
    pub(crate) fn heads(&self) -> Vec<(&str, bool)> {
        let names = self.columns.iter().map(String::as_str);
        names
            .map(|name| (name.trim_start_matches('#'), name.starts_with('#')))
            .collect()
    }
}

impl Table {
    /// The cells of a row, each with the name of its column: on a phone, that stands beside it.
    pub(crate) fn named<'a>(&'a self, row: &'a [Cell]) -> Vec<(&'a Cell, &'a str)> {
        let names = self.heads().into_iter().map(|(name, _is_number)| name);
        row.iter().zip(names.chain(std::iter::repeat(""))).collect()
    }
}

impl MoneyPage {
    /// Whether something on the page signs a request.
    pub(crate) fn has_acts(&self) -> bool {
        self.blocks.iter().any(|block| match block {
            Block::Acts(_) | Block::FeesForm(_) | Block::Form(_) => true,
            Block::Table(table) => table.rows.iter().flatten().any(|cell| cell.act.is_some()),
            _ => false,
        })
    }
}

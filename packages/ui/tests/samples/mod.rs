//! Every page, filled with sample data: for the tests and for the gallery.

mod access;
mod allowed;
mod federation;
mod money;
mod oidc;
mod passkeys;
mod people;
mod pods;
mod profiles;
mod reading;
mod solana;
mod trade;
mod trust;

use askama::Template;
use imajin_ui::{MoneyText, Shell, Viewer, When};

/// How the sample text is changed on its way into a page, and whether lists are empty.
pub(crate) struct Ink {
    /// Applied to every text that somebody else could have chosen.
    pub(crate) text: fn(&str) -> String,
    /// Whether optional things and lists are left out.
    pub(crate) bare: bool,
}

impl Ink {
    pub(crate) fn text(&self, plain: &str) -> String {
        (self.text)(plain)
    }

    fn is_long(&self) -> bool {
        self.text("x").len() > 500
    }

    pub(crate) fn maybe<T>(&self, value: T) -> Option<T> {
        (!self.bare).then_some(value)
    }

    pub(crate) fn list<T>(&self, values: Vec<T>) -> Vec<T> {
        if self.bare { Vec::new() } else { values }
    }

    pub(crate) fn money(&self, amount: &str) -> MoneyText {
        // Nobody chooses a currency: it is one of a short list. It is escaped all the same.
        let currency = if self.is_long() {
            "TEST-USD".to_owned()
        } else {
            self.text("TEST-USD")
        };
        MoneyText::new(amount, currency)
    }

    pub(crate) fn when(&self, iso: &str, text: &str) -> When {
        let (day, month) = if self.bare { ("", "") } else { ("12", "Dec") };
        When {
            iso: self.text(iso),
            text: self.text(text),
            day: day.to_owned(),
            month: month.to_owned(),
        }
    }

    pub(crate) fn soon(&self) -> When {
        self.when("2026-12-12T20:00:00+01:00", "Sat 12 December 2026, 20:00 CET")
    }

    pub(crate) fn now(&self) -> When {
        self.when("2026-11-21T14:03:11+01:00", "21 November 2026, 14:03 CET")
    }

    pub(crate) fn shell(&self, title: &str, path: &str, who: Who) -> Shell {
        let viewer = Viewer {
            name: self.text("Mira Okonkwo"),
            did: self.text(DID),
            short_did: self.text(SHORT_DID),
            is_operator: matches!(who, Who::Operator),
            custody_node: matches!(who, Who::Mailbox),
        };
        Shell {
            title: self.text(title),
            viewer: (!matches!(who, Who::Nobody)).then_some(viewer),
            path: path.to_owned(),
            test_money: true,
            node_name: self.text("Kulturhaus Linden"),
        }
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Who {
    Nobody,
    Key,
    Mailbox,
    Operator,
}

pub(crate) const DID: &str = "did:mjn:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
pub(crate) const SHORT_DID: &str = "z6MkhaXg…ta2doK";
pub(crate) const HASH: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// A page with a name for its address in the gallery.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) html: String,
}

pub(crate) fn sample(name: &'static str, page: &impl Template) -> Sample {
    Sample {
        name,
        html: page.render().unwrap_or_else(|error| panic!("{name}: {error}")),
    }
}

/// Every page in every state that looks different.
pub(crate) fn all(ink: &Ink) -> Vec<Sample> {
    let mut samples = trade::samples(ink);
    samples.extend(people::samples(ink));
    samples.extend(oidc::samples(ink));
    samples.extend(federation::samples(ink));
    samples.extend(passkeys::samples(ink));
    samples.extend(access::samples(ink));
    samples.extend(allowed::samples(ink));
    samples.extend(profiles::samples(ink));
    samples.extend(reading::samples(ink));
    samples.extend(solana::samples(ink));
    samples.extend(money::samples(ink));
    samples.extend(trust::samples(ink));
    samples.extend(pods::samples(ink));
    samples
}

/// The samples as they are.
pub(crate) const PLAIN: Ink = Ink {
    text: str::to_owned,
    bare: false,
};
/// With text that tries to be markup.
pub(crate) const HOSTILE: Ink = Ink {
    text: hostile,
    bare: false,
};

/// All kinds of data that a page must bear.
pub(crate) const INKS: [(&str, Ink); 5] = [
    ("plain", PLAIN),
    (
        "bare",
        Ink {
            text: str::to_owned,
            bare: true,
        },
    ),
    (
        "empty",
        Ink {
            text: empty,
            bare: true,
        },
    ),
    ("hostile", HOSTILE),
    (
        "long",
        Ink {
            text: long,
            bare: false,
        },
    ),
];

fn hostile(plain: &str) -> String {
    format!("</title></p>--><script>alert('{plain}')</script>\"'><img src=x onerror=alert(1)> &lt;{plain}& `${{7*7}}`")
}

fn long(plain: &str) -> String {
    format!(
        "{plain} {} {}",
        "Donaudampfschifffahrtsgesellschaft".repeat(12),
        "東京 مرحبا שלום 🎟️ ".repeat(20)
    )
}

fn empty(_plain: &str) -> String {
    String::new()
}

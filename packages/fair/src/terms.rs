use std::collections::BTreeMap;

use imajin_money::{Asset, Money, Share};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::members::{MemberError, Members, check_text};

pub(crate) const WORD_LENGTH_MAX: usize = 64;
pub(crate) const CONDITIONS_MAX: usize = 32;

/// What may be done with a work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Read, see or hear it, by a person or by an agent for one.
    Read,
    /// Train a model with it.
    Train,
    /// Pass it on.
    Redistribute,
    /// Make something else out of it.
    Remix,
}

impl Action {
    /// All of them, in the order of the format.
    pub const ALL: [Self; 4] = [Self::Read, Self::Train, Self::Redistribute, Self::Remix];

    /// The name of the member.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Train => "train",
            Self::Redistribute => "redistribute",
            Self::Remix => "remix",
        }
    }
}

/// What an action costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Price {
    /// Nothing.
    Free,
    /// It may not be done at any price.
    Prohibited,
    /// This much.
    Of(Money),
}

/// The terms of one action.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Term {
    /// What it costs; nothing is said when absent.
    pub price: Option<Price>,
    /// Which consent it needs, for example `implicit`.
    pub consent: Option<String>,
    /// What has to be observed, for example `attribution-required`.
    pub conditions: Vec<String>,
    /// The share that a remix owes to this work.
    pub royalty: Option<Share>,
}

/// What may be done with a work, action by action. What is not understood is kept as it was.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct Terms {
    /// The document's own members: what is signed and written.
    members: Map<String, Value>,
    /// What they mean, for the actions that we know.
    known: BTreeMap<Action, Term>,
}

impl Terms {
    /// The terms of an action, if the work has any.
    pub fn get(&self, action: Action) -> Option<&Term> {
        self.known.get(&action)
    }

    /// Whether the action is prohibited in so many words.
    pub fn prohibits(&self, action: Action) -> bool {
        self.get(action)
            .is_some_and(|term| term.price == Some(Price::Prohibited))
    }

    /// Whether nothing is said about anything.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The members as written.
    pub fn members(&self) -> &Map<String, Value> {
        &self.members
    }
}

impl TryFrom<Value> for Terms {
    type Error = MemberError;

    fn try_from(value: Value) -> Result<Self, MemberError> {
        let members = Members::of(value)?.rest();
        let mut known = BTreeMap::new();
        for action in Action::ALL {
            if let Some(value) = members.get(action.as_str()) {
                let term = Term::read(value.clone()).map_err(|error| error.within(action.as_str()))?;
                known.insert(action, term);
            }
        }
        Ok(Self { members, known })
    }
}

impl From<Terms> for Value {
    fn from(terms: Terms) -> Self {
        Self::Object(terms.members)
    }
}

impl Term {
    fn read(value: Value) -> Result<Self, MemberError> {
        let mut members = Members::of(value)?;
        let currency = members.take("currency")?;
        let price = match members.take::<String>("price")? {
            Some(text) => Some(Price::read(&text, currency)?),
            None => None,
        };
        let consent: Option<String> = members.take("consent")?;
        if let Some(word) = &consent {
            check_text("consent", word, WORD_LENGTH_MAX)?;
        }
        let conditions: Vec<String> = members.take("conditions")?.unwrap_or_default();
        if conditions.len() > CONDITIONS_MAX {
            return Err(MemberError::new(
                "conditions",
                &format!("at most {CONDITIONS_MAX} of them"),
            ));
        }
        for word in &conditions {
            check_text("conditions", word, WORD_LENGTH_MAX)?;
        }
        let royalty = match members.take::<serde_json::Number>("royalty")? {
            Some(number) if number.as_f64() == Some(0.0) => None,
            Some(number) => Some(Share::from_number(&number).map_err(|error| MemberError::new("royalty", &error))?),
            None => None,
        };
        Ok(Self {
            price,
            consent,
            conditions,
            royalty,
        })
    }
}

impl Price {
    fn read(text: &str, currency: Option<Asset>) -> Result<Self, MemberError> {
        match (text, currency) {
            ("free", _) => Ok(Self::Free),
            ("prohibited", _) => Ok(Self::Prohibited),
            (_, Some(asset)) => Money::parse_decimal(text, asset).map(Self::Of).map_err(|error| {
                let reason = format!("{error}; or write \"free\" or \"prohibited\"");
                MemberError::new("price", &reason)
            }),
            (_, None) => Err(MemberError::new(
                "currency",
                &"is missing: a price needs one, for example USD",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn terms(value: &Value) -> Result<Terms, String> {
        Terms::try_from(value.clone()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_four_actions_are_understood_and_everything_is_kept() {
        let value = json!({
            "read": {"price": "0.080", "currency": "USD", "consent": "implicit", "until": 2030},
            "train": {"price": "prohibited"},
            "redistribute": {"price": "free", "conditions": ["attribution-required"]},
            "remix": {"price": "free", "royalty": 0.1},
            "perform": {"price": 5}
        });
        let terms = terms(&value).unwrap();
        let read = terms.get(Action::Read).unwrap();
        assert_eq!(read.price, Some(Price::Of("0.08 USD".parse().unwrap())));
        assert_eq!(read.consent.as_deref(), Some("implicit"));
        assert!(terms.prohibits(Action::Train) && !terms.prohibits(Action::Remix));
        assert_eq!(
            terms.get(Action::Redistribute).unwrap().conditions,
            ["attribution-required"]
        );
        assert_eq!(terms.get(Action::Remix).unwrap().royalty.unwrap().millionths(), 100_000);
        assert_eq!(Value::from(terms), value);
    }

    #[test]
    fn a_wrong_term_is_refused_by_name() {
        for (value, message) in [
            (json!([]), "must be an object"),
            (json!({"read": "free"}), "read: must be an object"),
            (json!({"read": {"price": "1.00"}}), "read.currency: is missing"),
            (
                json!({"read": {"price": "cheap", "currency": "USD"}}),
                "read.price: not an amount",
            ),
            (
                json!({"read": {"price": 1, "currency": "USD"}}),
                "read.price: invalid type",
            ),
            (
                json!({"remix": {"royalty": 1.5}}),
                "remix.royalty: a share is more than 0",
            ),
            (
                json!({"remix": {"conditions": [""]}}),
                "remix.conditions: must not be empty",
            ),
        ] {
            let error = terms(&value).unwrap_err();
            assert!(error.starts_with(message), "{error}");
        }
    }
}

//! Bodies and queries as the official libraries write them: `line_items[0][price_data][currency]=usd`.

use serde_json::{Map, Value};
use url::form_urlencoded;

/// The members of a form. Every leaf is a text; a list is an object whose names are its numbers.
pub(super) fn decode(body: &[u8]) -> Map<String, Value> {
    let mut root = Map::new();
    for (name, value) in form_urlencoded::parse(body) {
        let (head, rest) = name.split_once('[').unwrap_or((&name, ""));
        let keys = rest
            .split('[')
            .map(|key| key.trim_end_matches(']'))
            .filter(|key| !key.is_empty());
        insert(&mut root, head, &keys.collect::<Vec<_>>(), value.into_owned());
    }
    root
}

fn insert(map: &mut Map<String, Value>, head: &str, keys: &[&str], value: String) {
    let Some((next, rest)) = keys.split_first() else {
        map.insert(head.to_owned(), Value::String(value));
        return;
    };
    let inner = map.entry(head).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(inner) = inner {
        insert(inner, next, rest, value);
    }
}

/// The parameters of a request.
#[derive(Debug, Clone)]
pub(super) struct Params(pub(super) Map<String, Value>);

impl Params {
    /// A text at a path: `params.text(&["line_items", "0", "quantity"])`.
    pub(super) fn text(&self, path: &[&str]) -> Option<String> {
        self.at(path)?.as_str().map(str::to_owned)
    }

    /// A whole number at a path; `None` when it is missing or no number.
    pub(super) fn number(&self, path: &[&str]) -> Option<i64> {
        self.text(path)?.parse().ok()
    }

    /// An object at a path; empty when it is missing.
    pub(super) fn object(&self, path: &[&str]) -> Value {
        self.at(path).cloned().unwrap_or_else(|| Value::Object(Map::new()))
    }

    /// The names beneath a path.
    pub(super) fn names(&self, path: &[&str]) -> Vec<String> {
        let found = self.at(path).and_then(Value::as_object);
        found.map(|object| object.keys().cloned().collect()).unwrap_or_default()
    }

    fn at(&self, path: &[&str]) -> Option<&Value> {
        let (head, rest) = path.split_first()?;
        rest.iter().try_fold(self.0.get(*head)?, |value, key| value.get(key))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn brackets_nest() {
        let form = decode(b"a=1&b[c]=x%20y&b[d][0][e]=2&b[d][1][e]=3&empty[]=z");
        let expected = json!({"a": "1", "b": {"c": "x y", "d": {"0": {"e": "2"}, "1": {"e": "3"}}}, "empty": "z"});
        assert_eq!(Value::Object(form.clone()), expected);
        let params = Params(form);
        assert_eq!(params.number(&["b", "d", "1", "e"]), Some(3));
        assert_eq!(params.names(&["b", "d"]), ["0", "1"]);
        assert_eq!(params.text(&["b"]), None);
    }
}

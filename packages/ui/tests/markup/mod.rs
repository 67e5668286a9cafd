//! A small, strict reader of our own markup: enough to see what a browser would see, and it refuses what is not well
//! formed.

use std::collections::BTreeMap;

/// Elements that have no end tag.
const VOID: &[&str] = &["meta", "link", "input", "br", "img", "hr"];

/// An element, in document order.
#[derive(Debug, Clone)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: BTreeMap<String, String>,
    /// The text inside, tags left out.
    pub(crate) text: String,
    /// Names of the elements around it, outermost first.
    pub(crate) around: Vec<String>,
}

impl Element {
    pub(crate) fn get(&self, attribute: &str) -> Option<&str> {
        self.attributes.get(attribute).map(String::as_str)
    }
}

/// The elements of a page. Panics, saying where, if tags do not match or an attribute is not quoted.
pub(crate) fn elements(html: &str) -> Vec<Element> {
    let mut elements: Vec<Element> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut rest = html
        .strip_prefix("<!doctype html>")
        .expect("a page begins with its doctype");
    while let Some(start) = rest.find('<') {
        for index in &open {
            elements[*index].text.push_str(&rest[..start]);
        }
        let end = tag_end(&rest[start..]) + start;
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let last = open.pop().unwrap_or_else(|| panic!("</{name}> closes nothing"));
            assert_eq!(elements[last].name, name, "the end tag does not match");
            continue;
        }
        let element = element(tag, open.iter().map(|index| elements[*index].name.clone()).collect());
        let is_open = !VOID.contains(&element.name.as_str()) && !tag.ends_with('/');
        elements.push(element);
        if is_open {
            open.push(elements.len() - 1);
        }
    }
    assert!(
        open.is_empty(),
        "not closed: {:?}",
        open.iter().map(|index| &elements[*index].name).collect::<Vec<_>>()
    );
    elements
}

/// Where the tag that begins `text` ends: the first `>` outside quotes.
fn tag_end(text: &str) -> usize {
    let mut quoted = false;
    for (index, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            '>' if !quoted => return index,
            _ => {}
        }
    }
    panic!("a tag does not end: {}", text.chars().take(80).collect::<String>());
}

fn element(tag: &str, around: Vec<String>) -> Element {
    let tag = tag.trim_end_matches('/');
    let (name, mut rest) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
    assert!(
        name.chars().all(|character| character.is_ascii_alphanumeric()),
        "odd tag <{tag}>"
    );
    let mut attributes = BTreeMap::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            break;
        }
        let end = rest
            .find(|character: char| character == '=' || character.is_whitespace())
            .unwrap_or(rest.len());
        let attribute = rest[..end].to_owned();
        assert!(
            attribute
                .chars()
                .all(|character| character.is_ascii_alphanumeric() || "-:".contains(character)),
            "odd attribute `{attribute}` in <{tag}>"
        );
        rest = &rest[end..];
        let value = match rest.strip_prefix("=\"") {
            None => String::new(),
            Some(quoted) => {
                let close = quoted.find('"').expect("a value ends");
                rest = &quoted[close + 1..];
                quoted[..close].to_owned()
            }
        };
        assert!(!rest.starts_with('='), "`{attribute}` is not quoted in <{tag}>");
        assert!(
            attributes.insert(attribute.clone(), value).is_none(),
            "`{attribute}` twice in <{tag}>"
        );
    }
    Element {
        name: name.to_owned(),
        attributes,
        text: String::new(),
        around,
    }
}

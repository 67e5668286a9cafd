//! What a profile is found by.
//!
//! The handle and the name are folded and cut from the start of each word on: "Ada Lindqvist" is found by `ada
//! lindqvist` and by `lindqvist`. Searching is then a range of an index, on both databases in the order of the bytes,
//! and no character of a query means anything but itself.

use std::collections::BTreeSet;

/// So many words of a name count.
const WORDS_MAX: usize = 8;
/// So many characters of a term are kept, and so many of a query.
pub(crate) const TERM_LENGTH_MAX: usize = 64;

/// Upper and lower case are the same, letter by letter: so the beginning of a text folds to the beginning of the folded
/// text. Spaces are joined.
pub(crate) fn fold(text: &str) -> String {
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let letters = joined.chars().flat_map(char::to_lowercase).map(|letter| match letter {
        // A sigma at the end of a word is the same letter.
        'ς' => 'σ',
        other => other,
    });
    // Postgres keeps no NUL, and nobody types the others.
    let letters = letters.filter(|letter| *letter != char::MAX && !letter.is_control());
    letters.take(TERM_LENGTH_MAX).collect()
}

/// Everything that a profile is found by.
pub(crate) fn terms_of(handle: Option<&str>, name: &str) -> BTreeSet<String> {
    let mut terms: BTreeSet<String> = word_starts(&fold(name)).collect();
    terms.extend(
        handle
            .into_iter()
            .flat_map(|handle| word_starts(&fold(handle)).collect::<Vec<_>>()),
    );
    terms
}

/// The rest of the text from each of its words on.
fn word_starts(folded: &str) -> impl Iterator<Item = String> {
    let mut starts = Vec::new();
    let mut inside = false;
    for (place, letter) in folded.char_indices() {
        let is_word = letter.is_alphanumeric();
        if is_word && !inside && starts.len() < WORDS_MAX {
            starts.push(place);
        }
        inside = is_word || letter == '\'' || letter == '’';
    }
    // A name of signs only, such as an emoji, is found by itself.
    if starts.is_empty() && !folded.is_empty() {
        starts.push(0);
    }
    let folded = folded.to_owned();
    starts
        .into_iter()
        .filter_map(move |place| folded.get(place..).map(str::to_owned))
}

/// The first term beyond those that begin with a folded query.
pub(crate) fn range_end(folded: &str) -> String {
    format!("{folded}{}", char::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn terms(handle: Option<&str>, name: &str) -> Vec<String> {
        terms_of(handle, name).into_iter().collect()
    }

    #[test]
    fn every_word_is_a_beginning() {
        assert_eq!(
            terms(Some("ada_l"), "Ada  LINDQVIST"),
            ["ada lindqvist", "ada_l", "l", "lindqvist"]
        );
        assert_eq!(
            terms(None, "Jean-Luc O'Neil"),
            ["jean-luc o'neil", "luc o'neil", "o'neil"]
        );
        assert_eq!(terms(None, "ΟΔΟΣ"), ["οδοσ"]);
        assert_eq!(terms(None, "🦊"), ["🦊"]);
        assert_eq!(terms(None, "東京 事変"), ["事変", "東京 事変"]);
        assert_eq!(terms(None, "100%_a"), ["100%_a", "a"]);
    }

    #[test]
    fn the_number_and_the_length_are_bounded() {
        assert_eq!(terms(None, &"a ".repeat(40)).len(), WORDS_MAX);
        assert!(
            terms(None, &"x".repeat(500))
                .iter()
                .all(|term| term.chars().count() <= TERM_LENGTH_MAX)
        );
    }

    proptest! {
        #[test]
        fn a_beginning_of_a_name_finds_it(
            name in "[A-Za-zÄÖÜßéøŁΣςДжİ]{1,20}( [A-Za-zÄÖßΣς]{1,10}){0,2}",
            cut in 1_usize..30,
        ) {
            let typed: String = name.chars().take(cut).collect();
            let folded = fold(&typed);
            let end = range_end(&folded);
            let found = terms_of(None, &name).iter().any(|term| *term >= folded && *term < end);
            prop_assert!(found, "{name:?} is not found by {typed:?}");
        }

        #[test]
        fn any_text_has_bounded_terms(name in ".{0,100}") {
            prop_assert!(terms_of(None, &name).len() <= WORDS_MAX.max(1));
        }
    }
}

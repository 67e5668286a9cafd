//! The words of a text as they are looked up.

/// The most bytes of a question.
pub const QUESTION_BYTES_MAX: usize = 4 * 1024;
/// What is longer is no word that somebody would look up.
const TERM_BYTES_MAX: usize = 64;

/// The terms of a text, in its order: runs of letters and digits in lower case, without the plural's `s`. Characters of
/// scripts that are written without spaces are terms of their own.
pub fn terms(text: &str) -> impl Iterator<Item = String> + '_ {
    let mut characters = text.chars().peekable();
    std::iter::from_fn(move || {
        loop {
            let first = characters.find(|character| character.is_alphanumeric())?;
            let mut term: String = first.to_lowercase().collect();
            if is_word_alone(first) {
                return Some(term);
            }
            while let Some(next) = characters.next_if(|next| next.is_alphanumeric() && !is_word_alone(*next)) {
                if term.len() <= TERM_BYTES_MAX {
                    term.extend(next.to_lowercase());
                }
            }
            if term.len() <= TERM_BYTES_MAX {
                return Some(singular(term));
            }
        }
    })
}

/// Whether a character is written without a space to its neighbours: Han, Kana, Thai, Lao, Khmer, Burmese.
const fn is_word_alone(character: char) -> bool {
    matches!(
        character,
        '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
            | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}'
    )
}

/// `questions` and `question` are one term. Nothing more: whatever is done to words is wrong in some language.
fn singular(mut term: String) -> String {
    let is_plural = term.len() > 3 && term.ends_with('s') && !term.ends_with("ss") && !term.ends_with("us");
    if is_plural {
        term.pop();
    }
    term
}

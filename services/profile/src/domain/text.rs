use crate::ProfileError;

/// Text on one line: trimmed, `min` to `max` characters.
pub(crate) fn line(member: &str, text: &str, min: usize, max: usize) -> Result<String, ProfileError> {
    let text = text.trim();
    length_check(member, text, min, max)?;
    if text.chars().any(|c| c.is_control() || is_deceptive(c)) {
        return Err(ProfileError::invalid(
            member,
            "must not contain control characters, line breaks or invisible characters",
        ));
    }
    Ok(text.to_owned())
}

/// Text with paragraphs: trimmed, line ends as `\n`, at most `max` characters; empty text counts as none.
pub(crate) fn paragraphs(member: &str, text: Option<&str>, max: usize) -> Result<Option<String>, ProfileError> {
    let text = text.unwrap_or_default().replace("\r\n", "\n");
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    length_check(member, text, 1, max)?;
    if text
        .chars()
        .any(|c| (c.is_control() && c != '\n' && c != '\t') || turns_direction(c))
    {
        return Err(ProfileError::invalid(member, "must not contain control characters"));
    }
    Ok(Some(text.to_owned()))
}

fn length_check(member: &str, text: &str, min: usize, max: usize) -> Result<(), ProfileError> {
    let length = text.chars().count();
    if (min..=max).contains(&length) {
        return Ok(());
    }
    Err(ProfileError::invalid(
        member,
        format!("must have {min} to {max} characters; it has {length}"),
    ))
}

/// Characters that make text read in another order than it is stored.
const fn turns_direction(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Invisible, or turns the direction of what follows: good for passing as somebody else. The joiner of emoji and of
/// some scripts stays.
const fn is_deceptive(c: char) -> bool {
    turns_direction(c)
        || matches!(
            c,
            '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2060}'..='\u{2065}' | '\u{FEFF}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_hide_anything() {
        assert_eq!(line("displayName", "  Grüße ", 1, 5).unwrap(), "Grüße");
        for text in ["", "a\u{0}b", "a\nb", "a\u{202E}b", "a\u{200B}b", "abcdef"] {
            assert!(line("displayName", text, 1, 5).is_err(), "{text:?}");
        }
        assert_eq!(
            paragraphs("bio", Some("a\r\n\r\nb "), 10).unwrap().as_deref(),
            Some("a\n\nb")
        );
        assert_eq!(paragraphs("bio", Some(" \n"), 10).unwrap(), None);
        assert!(paragraphs("bio", Some("a\u{0}b"), 10).is_err());
    }
}

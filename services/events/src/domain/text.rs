use crate::EventsError;

/// Text on one line: trimmed, `min` to `max` characters.
pub(crate) fn line(member: &str, text: &str, min: usize, max: usize) -> Result<String, EventsError> {
    let text = text.trim();
    length_check(member, text, min, max)?;
    if text.chars().any(|c| c.is_control() || is_direction_override(c)) {
        return Err(EventsError::invalid(
            member,
            "must not contain control characters or line breaks",
        ));
    }
    Ok(text.to_owned())
}

/// Text with paragraphs: trimmed, line ends as `\n`, at most `max` characters.
pub(crate) fn paragraphs(member: &str, text: &str, max: usize) -> Result<String, EventsError> {
    let text = text.replace("\r\n", "\n");
    let text = text.trim();
    length_check(member, text, 0, max)?;
    let forbidden = |c: char| (c.is_control() && c != '\n' && c != '\t') || is_direction_override(c);
    if text.chars().any(forbidden) {
        return Err(EventsError::invalid(member, "must not contain control characters"));
    }
    Ok(text.to_owned())
}

/// [`line`] for what may be left out; empty text counts as left out.
pub(crate) fn optional_line(member: &str, text: Option<&str>, max: usize) -> Result<Option<String>, EventsError> {
    match text.map(str::trim) {
        None | Some("") => Ok(None),
        Some(text) => line(member, text, 1, max).map(Some),
    }
}

/// A list of lines.
pub(crate) fn lines(
    member: &str,
    texts: &[String],
    count_max: usize,
    length_max: usize,
) -> Result<Vec<String>, EventsError> {
    if texts.len() > count_max {
        return Err(EventsError::invalid(
            member,
            format!("has {} entries, at most {count_max} are allowed", texts.len()),
        ));
    }
    let entry = |(index, text): (usize, &String)| line(&format!("{member}[{index}]"), text, 1, length_max);
    texts.iter().enumerate().map(entry).collect()
}

fn length_check(member: &str, text: &str, min: usize, max: usize) -> Result<(), EventsError> {
    let length = text.chars().count();
    if (min..=max).contains(&length) {
        return Ok(());
    }
    Err(EventsError::invalid(
        member,
        format!("must have {min} to {max} characters; it has {length}"),
    ))
}

/// Characters that make text read in another order than it is stored: they let a title lie.
const fn is_direction_override(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_counted_in_characters_after_trimming() {
        assert_eq!(line("title", "  Grüße  ", 1, 5).unwrap(), "Grüße");
        let error = line("title", "   ", 1, 5).unwrap_err();
        assert_eq!(error.to_string(), "title: must have 1 to 5 characters; it has 0.");
        assert!(line("title", "abcdef", 1, 5).is_err());
    }

    #[test]
    fn text_cannot_hide_anything() {
        for text in ["a\u{0}b", "a\nb", "a\u{202E}b", "a\u{7f}b"] {
            assert!(line("title", text, 1, 10).is_err(), "{text:?}");
        }
        assert_eq!(paragraphs("description", "a\r\n\r\nb", 10).unwrap(), "a\n\nb");
        assert!(paragraphs("description", "a\u{0}b", 10).is_err());
    }
}

use crate::passage::Cutter;

/// Plain text: an empty line ends a paragraph.
pub(super) fn extract(source: &str, cutter: &mut Cutter) {
    let mut at = 0_usize;
    for line in source.split_inclusive('\n') {
        let end = at.saturating_add(line.len());
        if line.trim().is_empty() {
            cutter.paragraph_end();
        } else {
            cutter.text(line, &(at..end), true);
            cutter.word_end();
        }
        at = end;
    }
}

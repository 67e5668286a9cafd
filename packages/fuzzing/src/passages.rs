//! Documents of every kind: what they say, where, and that it is found again.

use imajin_engine::{Document, DocumentId, Index, IndexLimits, MediaType, PASSAGE_BYTES_MAX, passages, terms};

const KINDS: [MediaType; 3] = [MediaType::Text, MediaType::Markdown, MediaType::Html];

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        "A hold is money that waits.\n\nIt is *captured* or voided: caf\u{e9}, \u{6771}\u{4eac}.\r\n\r\nquestions",
        "---\na: b\n---\n# Title\n\n- one\n- [two](https://node.example)\n\n| a | b |\n|---|---|\n| `c` | d |\n\n[^1]: note\n",
        "<!doctype html><head><title>t</title></head><body><h1>A</h1><p>b <b>c</b>&nbsp;d<br>e</p><script>f</script>\
         <svg/><table><tr><td>g<td>h</table><!-- i --><textarea>j</textarea>",
    ];
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}

pub(crate) fn run(data: &[u8]) {
    for kind in KINDS {
        let Ok(document) = Document::new(kind, data) else {
            return;
        };
        let found = passages(&document);
        let mut end = 0;
        for passage in &found {
            assert!(passage.source.start >= end, "passages stand behind each other");
            let quoted = document.text().get(passage.source.clone());
            assert!(
                quoted.is_some_and(|quoted| !quoted.is_empty()),
                "a passage stands in its document"
            );
            assert!(
                passage.text.len() <= PASSAGE_BYTES_MAX.saturating_mul(2),
                "a passage has its limit"
            );
            end = passage.source.end;
        }
        let (mut index, Ok(id)) = (Index::new(IndexLimits::default()), "document".parse::<DocumentId>()) else {
            return;
        };
        if index.insert(&id, &document).is_err() {
            return;
        }
        for (ordinal, passage) in found.iter().enumerate().take(3) {
            let Some(term) = terms(&passage.text).next() else {
                continue;
            };
            let hits = index.search(&term, found.len());
            let hit = hits.iter().find(|hit| hit.ordinal == ordinal);
            assert!(
                hit.is_some_and(|hit| hit.source == passage.source),
                "a word of a passage finds it"
            );
        }
        assert!(
            index.remove(&id) && index.search("a hold", 9).is_empty(),
            "what is removed is gone"
        );
    }
}

//! Files that carry manifests: one target for each container, which differ in the format and in the seeds only.

use std::io::Cursor;
use std::sync::{Mutex, PoisonError};

use imajin_did::{Did, SecretKey};
use imajin_fair::Manifest;
use imajin_fair_embed::{EmbedError, Format, Verdict, Work};
use serde_json::json;

/// A container, and the smallest files of it.
#[derive(Clone, Copy)]
pub(crate) struct Container {
    pub(crate) format: Format,
    /// Decides where the bytes alone do not.
    pub(crate) file_name: &'static str,
    pub(crate) samples: &'static [&'static [u8]],
}

/// The samples as they are, and with a manifest that somebody signed.
pub(crate) fn seeds(container: &Container) -> Vec<Vec<u8>> {
    let samples = container.samples.iter().map(|sample| sample.to_vec());
    samples.chain(carrying(container)).collect()
}

/// The samples with a signed manifest. Made once for each container: the clock and the keys are constants.
fn carrying(container: &Container) -> Vec<Vec<u8>> {
    static MADE: Mutex<Vec<(Format, Vec<Vec<u8>>)>> = Mutex::new(Vec::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, files)) = made.iter().find(|(format, _)| *format == container.format) {
        return files.clone();
    }
    let files: Vec<Vec<u8>> = container
        .samples
        .iter()
        .filter_map(|sample| signed(container, sample))
        .collect();
    assert_eq!(files.len(), container.samples.len(), "every sample carries a manifest");
    made.push((container.format, files.clone()));
    files
}

fn signed(container: &Container, sample: &[u8]) -> Option<Vec<u8>> {
    let key = SecretKey::from_seed([1; 32]);
    let mut file = Cursor::new(sample);
    let mut work = Work::open(&mut file, container.file_name).ok()?;
    assert_eq!(work.format(), Some(container.format), "a sample is of its format");
    let whole = work.whole();
    let content = work.content(&whole).ok()?;
    let draft = json!({
        "title": "<script>'\"&--> */ ]]> \\ \u{1f388}", "author": key.did(), "content": content,
        "contributors": [{"did": key.did(), "role": "author", "share": 1}],
    });
    let manifest = Manifest::from_value(draft).ok()?;
    let layout = work.embed(&manifest.sign(&key, key.did(), crate::NOW).ok()?).ok()?;
    written(&mut work, &layout)
}

fn written(work: &mut Work<'_>, layout: &imajin_fair_embed::Layout) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    work.write(layout, &mut out).ok()?;
    Some(out)
}

/// Verifies, strips, embeds and strips again. A file in memory gives no error of the disk.
pub(crate) fn run(container: &Container, data: &[u8]) {
    let mut file = Cursor::new(data);
    let Ok(mut work) = Work::open(&mut file, container.file_name) else {
        unreachable!("a file in memory can be opened");
    };
    if work.format() != Some(container.format) {
        return;
    }
    let Ok(report) = work.verify(None, &|did: &Did| did.public_key()) else {
        unreachable!("a file in memory can be verified");
    };
    if report.verdict == Verdict::Intact {
        let is_known = carrying(container).iter().any(|file| file == data);
        assert!(is_known, "somebody signed another file than this");
    }
    let Ok(original) = work.original() else {
        assert_eq!(report.verdict, Verdict::Broken, "what cannot be stripped is broken");
        return;
    };
    let Some(stripped) = written(&mut work, &original) else {
        unreachable!("a layout of the file can be written");
    };
    let Some(manifest) = unsigned(&mut work, &original) else {
        unreachable!("any bytes can have a manifest");
    };
    let layout = match work.embed(&manifest) {
        Ok(layout) => layout,
        Err(EmbedError::Io(error)) => unreachable!("{error}"),
        Err(_refusal) => return,
    };
    let carrying = written(&mut work, &layout).unwrap_or_default();
    let mut file = Cursor::new(&carrying);
    let Ok(mut again) = Work::open(&mut file, container.file_name) else {
        unreachable!("a file in memory can be opened");
    };
    let report = again.verify(None, &|_did: &Did| None).ok();
    let found = report.map(|report| (report.verdict, report.content_matches));
    assert_eq!(
        found,
        Some((Verdict::Unsigned, Some(true))),
        "what was embedded is found as it was"
    );
    let layout = again.original().ok();
    let stripped_again = layout.and_then(|layout| written(&mut again, &layout));
    assert_eq!(stripped_again, Some(stripped), "and the file comes back byte for byte");
}

fn unsigned(work: &mut Work<'_>, original: &imajin_fair_embed::Layout) -> Option<Manifest> {
    let content = work.content(original).ok()?;
    let draft = json!({
        "contributors": [{"did": "did:web:a.example", "role": "author", "share": 1}], "content": content,
    });
    Manifest::from_value(draft).ok()
}

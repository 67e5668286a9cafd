//! Intact, broken, unsigned, unchecked.

use imajin_did::SecretKey;
use imajin_fair_embed::{EmbedError, Place, Verdict};

use crate::samples::all;
use crate::support::{content, embed, sign, signed, unsigned, verify, verify_beside};

fn bytes_of(name: &str) -> Vec<u8> {
    all().into_iter().find(|sample| sample.name == name).unwrap().bytes
}

#[test]
fn a_manifest_of_other_bytes_is_not_embedded() {
    let (one, other) = (bytes_of("bare.jpg"), bytes_of("jfif.jpg"));
    let error = embed("a.jpg", &one, &signed("a.jpg", &other)).unwrap_err();
    assert!(matches!(error, EmbedError::OtherContent(_)), "{error}");
    let mut manifest = unsigned(content("a.jpg", &one));
    manifest.content = None;
    let error = embed("a.jpg", &one, &sign(manifest)).unwrap_err();
    assert!(error.to_string().contains("content.sha256"), "{error}");
}

#[test]
fn a_manifest_moved_to_another_file_is_broken() {
    let (one, other) = (bytes_of("film.mp4"), bytes_of("photo.heic"));
    let carrying = embed("a.mp4", &one, &signed("a.mp4", &one)).unwrap();
    let block = carrying.strip_prefix(one.as_slice()).unwrap();
    let report = verify("b.mp4", &[other.as_slice(), block].concat());
    assert_eq!((report.verdict, report.content_matches), (Verdict::Broken, Some(false)));
    assert!(report.reason.unwrap().contains("other bytes"));
    // To the wrong place of the right file.
    let report = verify("a.mp4", &[&one[..20], block, &one[20..]].concat());
    assert_eq!(report.verdict, Verdict::Broken);
}

#[test]
fn a_manifest_that_nobody_signed_is_unsigned_and_a_forged_one_is_broken() {
    let bytes = bytes_of("note.md");
    let manifest = unsigned(content("a.md", &bytes));
    let carrying = embed("a.md", &bytes, &manifest).unwrap();
    assert_eq!(verify("a.md", &carrying).verdict, Verdict::Unsigned);
    let stranger = SecretKey::from_seed([8; 32]);
    let mut forged = signed("a.md", &bytes);
    forged.title = Some("Another title".to_owned());
    forged.id = forged.computed_id().unwrap();
    assert_eq!(
        verify("a.md", &embed("a.md", &bytes, &forged).unwrap()).verdict,
        Verdict::Broken
    );
    let mut theirs = manifest;
    theirs.author = Some(stranger.did());
    let theirs = theirs
        .sign(&stranger, stranger.did(), "2026-11-21T10:00:00Z".parse().unwrap())
        .unwrap();
    let report = verify("a.md", &embed("a.md", &bytes, &theirs).unwrap());
    assert_eq!(
        (report.verdict, report.signer()),
        (Verdict::Intact, Some(&stranger.did()))
    );
}

#[test]
fn a_signer_whose_key_is_not_known_leaves_the_file_unchecked() {
    let bytes = bytes_of("note.md");
    let mut manifest = unsigned(content("a.md", &bytes));
    let did: imajin_did::Did = "did:web:example.com".parse().unwrap();
    manifest.author = Some(did.clone());
    let key = SecretKey::from_seed([9; 32]);
    let manifest = manifest
        .sign(&key, did, "2026-11-21T10:00:00Z".parse().unwrap())
        .unwrap();
    let carrying = embed("a.md", &bytes, &manifest).unwrap();
    assert_eq!(verify("a.md", &carrying).verdict, Verdict::Unchecked);
    // What is certainly wrong is wrong without a key, too.
    let changed = String::from_utf8(carrying).unwrap().replace("With text", "With txet");
    assert_eq!(verify("a.md", changed.as_bytes()).verdict, Verdict::Broken);
}

#[test]
fn a_sidecar_speaks_for_files_that_carry_nothing() {
    let bytes = b"fn main() {}\n";
    let manifest = signed("main.rs", bytes);
    let error = embed("main.rs", bytes, &manifest).unwrap_err();
    assert!(matches!(error, EmbedError::NeedsSidecar { .. }), "{error}");
    let sidecar = manifest.canonical_bytes().unwrap();
    let report = verify_beside("main.rs", bytes, Some(&sidecar));
    assert_eq!((report.verdict, report.place), (Verdict::Intact, Some(Place::Sidecar)));
    let report = verify_beside("main.rs", b"fn main() {}", Some(&sidecar));
    assert_eq!((report.verdict, report.content_matches), (Verdict::Broken, Some(false)));
    assert_eq!(verify_beside("main.rs", bytes, Some(b"{}")).verdict, Verdict::Broken);
    assert_eq!(verify_beside("main.rs", bytes, None).verdict, Verdict::Unsigned);
}

#[test]
fn what_cannot_come_back_byte_for_byte_needs_a_sidecar_and_says_why() {
    let open_end = [b"\0\0\0\x10ftypisom\0\0\0\0".as_slice(), b"\0\0\0\0mdat123"].concat();
    let encrypted = crate::samples_pdf::with_table("/Encrypt 7 0 R ");
    for (name, bytes, reason) in [
        ("a.mp4", open_end.as_slice(), "has no size of its own"),
        ("a.svg", b"<svg/>", "is empty"),
        ("a.pdf", &encrypted, "encrypted"),
        ("a.mp3", b"ID3\x02\0\0\0\0\0\0", "version 2.2"),
        ("a.mp3", b"ID3\x04\0\x80\0\0\0\0", "flags"),
        ("a.json", b"{}", "no place"),
        ("a.txt", b"\xff\xfea\0", "no place"),
    ] {
        let error = embed(name, bytes, &signed(name, bytes)).unwrap_err();
        assert!(matches!(error, EmbedError::NeedsSidecar { .. }), "{name}: {error}");
        assert!(error.to_string().contains(reason), "{name}: {error}");
    }
}

//! Other people's programs open what carries a manifest, and see in it what they saw before.

use std::path::{Path, PathBuf};
use std::process::Command;

use imajin_fair_embed::Verdict;
use tempfile::TempDir;

use crate::samples::{CONTENT_TYPES, zip};
use crate::samples_pdf::{with_stream, with_table};
use crate::support::{embed, signed, signed_long, strip, verify};

/// The programs, and the Debian packages that have them.
const PACKAGES: [(&str, &str); 7] = [
    ("exiftool", "libimage-exiftool-perl"),
    ("ffmpeg", "ffmpeg"),
    ("ffprobe", "ffmpeg"),
    ("identify", "imagemagick"),
    ("pdfinfo", "poppler-utils"),
    ("unzip", "unzip"),
    ("xmllint", "libxml2-utils"),
];

/// Runs a program to its end; what it printed.
#[track_caller]
fn run(program: &str, arguments: &[&str], file: &Path, more: &[&str]) -> String {
    let output = Command::new(program).args(arguments).arg(file).args(more).output();
    let package = PACKAGES.iter().find(|(name, _)| *name == program).unwrap().1;
    let output = output.unwrap_or_else(|error| {
        panic!("this test needs {program} ({error}): apt-get install {package}, or ./x test, which installs it")
    });
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {}: {text}{errors}", file.display());
    text
}

fn made_by_ffmpeg(directory: &TempDir, name: &str, source: &str, options: &[&str]) -> PathBuf {
    let path = directory.path().join(name);
    let input = ["-v", "error", "-f", "lavfi", "-i", source, "-bitexact"];
    run("ffmpeg", &[&input[..], options].concat(), &path, &[]);
    path
}

/// The file with a short manifest and with a long one, having seen that each verifies and comes back.
fn carrying(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().unwrap().to_str().unwrap();
    let bytes = std::fs::read(path).unwrap();
    let manifests = [("short", signed(name, &bytes)), ("long", signed_long(name, &bytes))];
    let write = |(label, manifest)| {
        let carrying = embed(name, &bytes, &manifest).unwrap();
        assert_eq!(verify(name, &carrying).verdict, Verdict::Intact, "{name}");
        assert_eq!(strip(name, &carrying).unwrap(), bytes, "{name}");
        let path = path.with_file_name(format!("{label}-{name}"));
        std::fs::write(&path, carrying).unwrap();
        path
    };
    manifests.into_iter().map(write).collect()
}

/// What is seen and heard: a digest of the decoded frames and samples.
fn decoded(path: &Path) -> String {
    run(
        "ffmpeg",
        &["-v", "error", "-xerror", "-i"],
        path,
        &["-map", "0:v?", "-map", "0:a?", "-f", "md5", "-"],
    )
}

/// What the streams are. How long a still picture lasts is left out: that depends on who looks.
fn streams(path: &Path) -> String {
    let shown = [
        "-v",
        "error",
        "-show_entries",
        "stream=codec_name,width,height,sample_rate",
    ];
    run("ffprobe", &shown, path, &[])
}

/// What exiftool finds to say, except that it does not know our segment.
fn complaints(path: &Path) -> Vec<String> {
    let text = run("exiftool", &["-s3", "-a", "-validate", "-warning", "-error"], path, &[]);
    let is_sum = |line: &str| line == "OK" || line.ends_with("minor)");
    let lines = text.lines().filter(|line| !line.contains("APP15") && !is_sum(line));
    lines.map(str::to_owned).collect()
}

const PICTURE: &str = "testsrc=size=64x48:rate=5:duration=1";
const SOUND: &str = "sine=frequency=440:duration=1";

#[test]
fn images_look_the_same() {
    let directory = TempDir::new().unwrap();
    for (name, options) in [
        ("a.jpg", &["-frames:v", "1"][..]),
        ("a.png", &["-frames:v", "1"]),
        ("lossy.webp", &["-frames:v", "1", "-c:v", "libwebp"]),
        (
            "lossless.webp",
            &["-frames:v", "1", "-c:v", "libwebp", "-lossless", "1"],
        ),
    ] {
        let original = made_by_ffmpeg(&directory, name, PICTURE, options);
        let format = ["-format", "%m %w %h %#"];
        let seen = |path: &Path| {
            (
                decoded(path),
                complaints(path),
                run("identify", &format, path, &[]),
                streams(path),
            )
        };
        let before = seen(&original);
        for path in carrying(&original) {
            assert_eq!(seen(&path), before, "{}", path.display());
        }
    }
}

#[test]
fn sounds_sound_the_same() {
    let directory = TempDir::new().unwrap();
    let bare = ["-c:a", "libmp3lame", "-id3v2_version", "0", "-write_xing", "0"];
    for (name, options) in [
        (
            "tag3.mp3",
            &["-c:a", "libmp3lame", "-id3v2_version", "3", "-metadata", "title=A"][..],
        ),
        (
            "tag4.mp3",
            &["-c:a", "libmp3lame", "-id3v2_version", "4", "-metadata", "title=A"],
        ),
        ("bare.mp3", &bare),
        ("a.flac", &["-c:a", "flac"]),
        ("a.m4a", &["-c:a", "aac"]),
    ] {
        let original = made_by_ffmpeg(&directory, name, SOUND, options);
        for path in carrying(&original) {
            assert_eq!(decoded(&path), decoded(&original), "{}", path.display());
            assert!(streams(&path).contains("codec_name="), "{}", path.display());
            run("exiftool", &["-validate"], &path, &[]);
        }
    }
}

#[test]
fn ogg_players_pass_over_our_stream() {
    let directory = TempDir::new().unwrap();
    for (name, codec) in [("vorbis.ogg", "libvorbis"), ("opus.opus", "libopus")] {
        let original = made_by_ffmpeg(&directory, name, SOUND, &["-c:a", codec]);
        for path in carrying(&original) {
            let sound = |path: &Path| {
                run(
                    "ffmpeg",
                    &["-v", "error", "-i"],
                    path,
                    &["-map", "0:a", "-f", "md5", "-"],
                )
            };
            assert_eq!(sound(&path), sound(&original), "{}", path.display());
            run("exiftool", &["-Duration"], &path, &[]);
        }
    }
}

#[test]
fn films_play_the_same() {
    let directory = TempDir::new().unwrap();
    for (name, options) in [
        ("a.mp4", &["-c:v", "mpeg4"][..]),
        ("a.mov", &["-c:v", "mpeg4"]),
        (
            "fragments.mp4",
            &["-c:v", "mpeg4", "-movflags", "frag_keyframe+empty_moov"],
        ),
    ] {
        let original = made_by_ffmpeg(&directory, name, PICTURE, options);
        for path in carrying(&original) {
            assert_eq!(decoded(&path), decoded(&original), "{}", path.display());
            assert_eq!(streams(&path), streams(&original));
            run("exiftool", &["-validate"], &path, &[]);
        }
    }
}

#[test]
fn documents_are_read_the_same() {
    let directory = TempDir::new().unwrap();
    for (name, bytes) in [("table.pdf", with_table("")), ("stream.pdf", with_stream())] {
        let original = directory.path().join(name);
        std::fs::write(&original, &bytes).unwrap();
        for path in carrying(&original) {
            let text = run("pdfinfo", &[], &path, &[]);
            let shown = |name: &str| text.lines().any(|line| line.starts_with(name) && !line.ends_with(": "));
            assert!(shown("Title:") && text.contains("Pages:           1"), "{text}");
            // The object is there for a reader who asks for it.
            run("exiftool", &["-validate"], &path, &[]);
        }
    }
}

#[test]
fn markup_is_still_well_formed() {
    let directory = TempDir::new().unwrap();
    let svg =
        "<?xml version=\"1.0\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\"><rect width=\"1\" height=\"1\"/></svg>";
    let original = directory.path().join("a.svg");
    std::fs::write(&original, svg).unwrap();
    for path in carrying(&original) {
        run("xmllint", &["--noout"], &path, &[]);
        let text = run(
            "xmllint",
            &["--xpath", "string(//*[local-name()='manifest'])"],
            &path,
            &[],
        );
        let manifest = imajin_fair::Manifest::parse(text.trim().as_bytes()).unwrap();
        assert!(manifest.signature.is_some());
    }
    let html = "<!DOCTYPE html>\n<html><head><title>A</title></head><body><p>B</p></body></html>\n";
    let original = directory.path().join("a.html");
    std::fs::write(&original, html).unwrap();
    for path in carrying(&original) {
        let find = [
            "--html",
            "--xpath",
            "string(/html/head/script[@type='application/fair+json'])",
        ];
        let text = run("xmllint", &find, &path, &[]);
        assert!(
            imajin_fair::Manifest::parse(text.trim().as_bytes())
                .unwrap()
                .signature
                .is_some()
        );
    }
}

#[test]
fn archives_pass_their_own_test() {
    let directory = TempDir::new().unwrap();
    let book: &[(&str, &[u8])] = &[
        ("mimetype", b"application/epub+zip"),
        ("META-INF/container.xml", b"<c/>"),
    ];
    let letter: &[(&str, &[u8])] = &[("[Content_Types].xml", CONTENT_TYPES.as_bytes()), ("a.xml", b"<a/>")];
    for (name, members, member) in [
        ("a.epub", book, "META-INF/fair.json"),
        ("a.docx", letter, "META-INF/fair.xml"),
    ] {
        let original = directory.path().join(name);
        std::fs::write(&original, zip(members, b"")).unwrap();
        for path in carrying(&original) {
            let text = run("unzip", &["-t"], &path, &[]);
            assert!(text.contains("No errors detected"), "{text}");
            assert!(run("unzip", &["-p"], &path, &[member]).contains("\"contributors\""));
        }
    }
}

//! What the fuzz targets run: one function for each parser that reads what strangers send.
//!
//! A target takes any bytes and panics when something is not as it must be: a text that parses to something else than
//! itself, a value that does not survive being written and read, a signature that verifies although nobody made it.
//!
//! Two programs use the targets: `fuzz/` at the root runs them under libFuzzer for as long as one likes, and the test
//! of this crate feeds them mutated [`Target::seeds`] for a second or two, in every test run, on the stable compiler.
//!
//! To add a target: a module with `run` and `seeds` here, a line in [`TARGETS`], and a file of three lines with its
//! `[[bin]]` in `fuzz/`. The test compares the two lists.

mod consent;
mod containers;
mod did;
mod document;
mod imagxp_claim;
mod imagxp_payment;
mod imagxp_policy;
mod imagxp_robots;
mod imagxp_visa;
mod jwt;
mod key_log;
mod manifest;
mod mjn;
mod passages;
mod signature_headers;
mod signed_message;
mod web_bot_auth;
mod work;

use imajin_kernel::Timestamp;

/// A function that takes any bytes.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The name of the program in `fuzz/`.
    pub name: &'static str,
    /// Panics when something is wrong.
    pub run: fn(&[u8]),
    /// Inputs that get far, to start from.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: [Target; 28] = [
    Target {
        name: "consent",
        run: consent::run,
        seeds: consent::seeds,
    },
    Target {
        name: "did",
        run: did::run,
        seeds: did::seeds,
    },
    Target {
        name: "document",
        run: document::run,
        seeds: document::seeds,
    },
    Target {
        name: "imagxp_claim",
        run: imagxp_claim::run,
        seeds: imagxp_claim::seeds,
    },
    Target {
        name: "imagxp_payment",
        run: imagxp_payment::run,
        seeds: imagxp_payment::seeds,
    },
    Target {
        name: "imagxp_policy",
        run: imagxp_policy::run,
        seeds: imagxp_policy::seeds,
    },
    Target {
        name: "imagxp_robots",
        run: imagxp_robots::run,
        seeds: imagxp_robots::seeds,
    },
    Target {
        name: "imagxp_visa",
        run: imagxp_visa::run,
        seeds: imagxp_visa::seeds,
    },
    Target {
        name: "jwt",
        run: jwt::run,
        seeds: jwt::seeds,
    },
    Target {
        name: "key_log",
        run: key_log::run,
        seeds: key_log::seeds,
    },
    Target {
        name: "manifest",
        run: manifest::run,
        seeds: manifest::seeds,
    },
    Target {
        name: "mjn",
        run: mjn::run,
        seeds: mjn::seeds,
    },
    Target {
        name: "passages",
        run: passages::run,
        seeds: passages::seeds,
    },
    Target {
        name: "signature_headers",
        run: signature_headers::run,
        seeds: signature_headers::seeds,
    },
    Target {
        name: "signed_message",
        run: signed_message::run,
        seeds: signed_message::seeds,
    },
    Target {
        name: "web_bot_auth",
        run: web_bot_auth::run,
        seeds: web_bot_auth::seeds,
    },
    Target {
        name: "work_flac",
        run: containers::flac::run,
        seeds: containers::flac::seeds,
    },
    Target {
        name: "work_html",
        run: containers::html::run,
        seeds: containers::html::seeds,
    },
    Target {
        name: "work_jpeg",
        run: containers::jpeg::run,
        seeds: containers::jpeg::seeds,
    },
    Target {
        name: "work_mp3",
        run: containers::mp3::run,
        seeds: containers::mp3::seeds,
    },
    Target {
        name: "work_mp4",
        run: containers::mp4::run,
        seeds: containers::mp4::seeds,
    },
    Target {
        name: "work_ogg",
        run: containers::ogg::run,
        seeds: containers::ogg::seeds,
    },
    Target {
        name: "work_pdf",
        run: containers::pdf::run,
        seeds: containers::pdf::seeds,
    },
    Target {
        name: "work_png",
        run: containers::png::run,
        seeds: containers::png::seeds,
    },
    Target {
        name: "work_svg",
        run: containers::svg::run,
        seeds: containers::svg::seeds,
    },
    Target {
        name: "work_text",
        run: containers::text::run,
        seeds: containers::text::seeds,
    },
    Target {
        name: "work_webp",
        run: containers::webp::run,
        seeds: containers::webp::seeds,
    },
    Target {
        name: "work_zip",
        run: containers::zip::run,
        seeds: containers::zip::seeds,
    },
];

/// Runs the target with this name.
///
/// # Panics
/// When there is none, or when the target finds something wrong.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    let target = target.unwrap_or_else(|| unreachable!("no target is called {name}"));
    (target.run)(data);
}

/// The time of every seed: 2026-03-01T00:00:00Z.
const NOW: Timestamp = Timestamp::from_seconds(1_772_323_200);

/// A P-256 key of the did:key vectors; nobody here can sign with it.
const P256_DID: &str = "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169";

//! How a browser is set up.

use std::path::Path;

use fantoccini::wd::Capabilities;
use serde_json::{Value, json};

use crate::TestkitError;

/// Chromium must be quiet: no first-run pages, no calls home, no updates, and the same behaviour in a container.
const FLAGS: [&str; 12] = [
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--disable-breakpad",
    "--no-first-run",
    "--no-default-browser-check",
];

/// How a [`super::Browser`] is set up. The default is a laptop's window in the light scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrowserOptions {
    /// Width of the page in CSS pixels.
    pub width_pixels: u32,
    /// Height of the page in CSS pixels.
    pub height_pixels: u32,
    /// Whether the browser behaves as a phone does: touch, mobile viewport, mobile user agent.
    pub phone: bool,
    /// Whether the person prefers the dark colour scheme.
    pub dark: bool,
    /// Whether certificates that nobody vouches for are accepted. Pages under such a certificate are no secure
    /// context with it or without it; they only load.
    pub accept_insecure_certificates: bool,
    /// Chromium's resolver rules, for example `MAP tickets.example 127.0.0.1`: a name that is not localhost.
    pub host_resolver_rules: Option<String>,
}

impl Default for BrowserOptions {
    fn default() -> Self {
        Self {
            width_pixels: 1280,
            height_pixels: 900,
            phone: false,
            dark: false,
            accept_insecure_certificates: false,
            host_resolver_rules: None,
        }
    }
}

impl BrowserOptions {
    /// A phone in the hand: 390 by 844 pixels.
    pub fn phone() -> Self {
        Self {
            width_pixels: 390,
            height_pixels: 844,
            phone: true,
            ..Self::default()
        }
    }

    /// The same with the dark colour scheme.
    #[must_use]
    pub fn dark(self) -> Self {
        Self { dark: true, ..self }
    }

    pub(super) fn capabilities(&self, binary: &Path, profile: &Path) -> Result<Capabilities, TestkitError> {
        let mut chrome = json!({ "binary": binary, "args": self.flags(profile) });
        if self.phone {
            let metrics = json!({
                "width": self.width_pixels,
                "height": self.height_pixels,
                "pixelRatio": 2.0,
                "mobile": true,
                "touch": true,
            });
            let client_hints = json!({ "platform": "Android", "mobile": true });
            insert(
                &mut chrome,
                "mobileEmulation",
                json!({ "deviceMetrics": metrics, "clientHints": client_hints }),
            )?;
        }
        let mut capabilities = json!({
            "browserName": "chrome",
            "goog:loggingPrefs": { "browser": "ALL" },
            "timeouts": { "pageLoad": 45_000, "script": 10_000 },
        });
        insert(&mut capabilities, "goog:chromeOptions", chrome)?;
        insert(
            &mut capabilities,
            "acceptInsecureCerts",
            json!(self.accept_insecure_certificates),
        )?;
        match capabilities {
            Value::Object(map) => Ok(map),
            _ => Err(not_an_object()),
        }
    }

    fn flags(&self, profile: &Path) -> Vec<String> {
        let mut flags: Vec<String> = FLAGS.iter().map(|flag| (*flag).to_owned()).collect();
        flags.push(format!("--user-data-dir={}", profile.display()));
        flags.push(format!("--window-size={},{}", self.width_pixels, self.height_pixels));
        // 0 is dark and 1 is light in Blink's enumeration.
        flags.push(format!(
            "--blink-settings=preferredColorScheme={}",
            u8::from(!self.dark)
        ));
        if let Some(rules) = &self.host_resolver_rules {
            flags.push(format!("--host-resolver-rules={rules}"));
        }
        if rustix::process::geteuid().is_root() {
            // Chromium refuses to run as root with its sandbox.
            flags.push("--no-sandbox".to_owned());
        }
        flags
    }
}

fn insert(object: &mut Value, name: &str, value: Value) -> Result<(), TestkitError> {
    object
        .as_object_mut()
        .ok_or_else(not_an_object)?
        .insert(name.to_owned(), value);
    Ok(())
}

fn not_an_object() -> TestkitError {
    TestkitError::Browser {
        detail: "capabilities must be a JSON object".to_owned(),
    }
}

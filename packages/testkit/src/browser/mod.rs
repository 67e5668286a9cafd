//! A real browser: headless Chromium, driven over `WebDriver` by chromedriver.

mod command;
mod options;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine as _;
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use crate::TestkitError;
use crate::cluster::scratch_make;
use crate::guard::Guarded;
use command::{AuthenticatorAdd, BrowserLog, DevTools};
pub use options::BrowserOptions;

const START_SECONDS_MAX: u64 = 60;
const POLL: Duration = Duration::from_millis(20);

/// How long [`Browser::wait_for`] and its kin wait. Generous: the machine may be small and busy.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// How long the driver may take for one command. It has no bound of its own below ten minutes, and a renderer that
/// stalls keeps it for all of them.
const COMMAND_MAX: Duration = Duration::from_mins(1);

/// A browser with a fresh profile. It is gone when this value is dropped, or when this process ends in whatever way.
#[derive(Debug)]
pub struct Browser {
    client: Client,
    // Declared after the client, so that the session is let go before the driver is killed.
    driver: Guarded,
}

impl Browser {
    /// Starts chromedriver on a free loopback port, and Chromium with a profile of its own.
    ///
    /// # Errors
    /// When Chromium or chromedriver is not installed or does not start.
    pub async fn start(options: &BrowserOptions) -> Result<Self, TestkitError> {
        let binary = find(
            "chromium",
            "chromium",
            &["chromium", "chromium-browser", "google-chrome", "chrome"],
        )?;
        let (driver, port) = driver_start().await?;
        let profile = driver.scratch().join("profile");
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(options.capabilities(&binary, &profile)?)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .map_err(|error| TestkitError::Browser {
                detail: format!("no session: {error}; {}", driver.log()),
            })?;
        Ok(Self { client, driver })
    }

    /// The `WebDriver` client, for what the methods here do not cover.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Gives the browser an authenticator that keeps passkeys, knows its user, and says yes to everything.
    ///
    /// # Errors
    /// When the browser cannot have one.
    pub async fn authenticator_add(&self) -> Result<(), TestkitError> {
        let added = self.client.issue_cmd(AuthenticatorAdd);
        self.answer("add", "an authenticator", added).await.map(drop)
    }

    /// Forgets every cookie of the open page's site: whoever was logged in is a stranger again.
    ///
    /// # Errors
    /// When the browser refuses.
    pub async fn cookies_forget(&self) -> Result<(), TestkitError> {
        self.answer("forget", "the cookies", self.client.delete_all_cookies())
            .await
    }

    /// Opens a page and waits until it is loaded.
    ///
    /// # Errors
    /// When the page cannot be loaded.
    pub async fn goto(&self, url: &str) -> Result<(), TestkitError> {
        self.answer("open", url, self.client.goto(url)).await
    }

    /// Waits until an element matches the CSS selector, and returns its visible text.
    ///
    /// # Errors
    /// When none does within half a minute.
    pub async fn wait_for(&self, css: &str) -> Result<String, TestkitError> {
        let deadline = Instant::now() + WAIT_MAX;
        loop {
            // A page that is being replaced has the old element for a moment, and then none.
            match self.text(css).await {
                Ok(text) => return Ok(text),
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_not_yet) => tokio::time::sleep(POLL).await,
            }
        }
    }

    /// Waits until the visible text of the page contains `text`.
    ///
    /// # Errors
    /// When it does not within half a minute; the error holds what the page shows instead.
    pub async fn wait_for_text(&self, text: &str) -> Result<(), TestkitError> {
        let deadline = Instant::now() + WAIT_MAX;
        loop {
            // A page that is being replaced has no body for a moment.
            let shown = self.text("body").await.unwrap_or_default();
            if shown.contains(text) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(TestkitError::Browser {
                    detail: format!("{text:?} did not appear; the page shows: {shown}"),
                });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// The visible text of the first element that matches the CSS selector.
    ///
    /// It is read by a script, because scripts have a bound in the driver: its own command for finding elements never
    /// comes back when the page is replaced at the wrong moment.
    ///
    /// # Errors
    /// When there is none.
    pub async fn text(&self, css: &str) -> Result<String, TestkitError> {
        let script = "const found = document.querySelector(arguments[0]);\
                      return found && (found.innerText ?? found.textContent);";
        let text = self.client.execute(script, vec![json!(css)]);
        match self.answer("read", css, text).await? {
            Value::String(text) => Ok(text),
            _nothing => Err(TestkitError::Browser {
                detail: format!("nothing on the page matches {css}"),
            }),
        }
    }

    /// Waits for an element that matches the CSS selector, and clicks it.
    ///
    /// # Errors
    /// When there is none within half a minute, or something covers it.
    pub async fn click(&self, css: &str) -> Result<(), TestkitError> {
        let element = self.found(css).await?;
        self.answer("click", css, element.click()).await
    }

    /// Clicks like [`Browser::click`], and waits until another page, or the same one anew, has replaced this one. A
    /// picture that is asked for while a page goes is never drawn.
    ///
    /// # Errors
    /// When nothing matches, or no page has come within half a minute.
    pub async fn click_away(&self, css: &str) -> Result<(), TestkitError> {
        self.evaluate("window.isLeft = true;").await?;
        self.click(css).await?;
        let deadline = Instant::now() + WAIT_MAX;
        loop {
            let come = "return window.isLeft !== true && document.readyState === 'complete';";
            match self.evaluate(come).await {
                Ok(Value::Bool(true)) => return Ok(()),
                Ok(_) | Err(_) if Instant::now() > deadline => {
                    return Err(TestkitError::Browser {
                        detail: format!("{css} led to no other page"),
                    });
                }
                Ok(_) | Err(_) => tokio::time::sleep(POLL).await,
            }
        }
    }

    /// Waits for an input field that matches the CSS selector, and replaces what it holds.
    ///
    /// # Errors
    /// When there is none within half a minute, or it takes no text.
    pub async fn fill(&self, css: &str, text: &str) -> Result<(), TestkitError> {
        let element = self.found(css).await?;
        self.answer("clear", css, element.clear()).await?;
        self.answer("fill", css, element.send_keys(text)).await
    }

    /// Waits for a file input that matches the CSS selector, and chooses a file of this machine in it.
    ///
    /// # Errors
    /// When there is none within half a minute.
    pub async fn choose_file(&self, css: &str, path: &Path) -> Result<(), TestkitError> {
        let element = self.found(css).await?;
        self.answer("choose a file in", css, element.send_keys(&path.to_string_lossy()))
            .await
    }

    /// Runs the body of a JavaScript function in the page and returns what it returns.
    ///
    /// # Errors
    /// When the script throws.
    pub async fn evaluate(&self, script: &str) -> Result<Value, TestkitError> {
        self.answer("run", script, self.client.execute(script, Vec::new()))
            .await
    }

    /// What the page wrote to the console, and what the browser itself complained about (a violated content security
    /// policy, a failed request), since the last call. An empty list means that all is well.
    ///
    /// # Errors
    /// When the driver does not answer.
    pub async fn complaints(&self) -> Result<Vec<String>, TestkitError> {
        let log = self
            .answer("read", "the console", self.client.issue_cmd(BrowserLog))
            .await?;
        let entries = log.as_array().map(Vec::as_slice).unwrap_or_default();
        let text = |entry: &Value, name: &str| entry.get(name).and_then(|v| v.as_str().map(str::to_owned));
        Ok(entries
            .iter()
            .filter(|entry| matches!(text(entry, "level").as_deref(), Some("SEVERE" | "WARNING")))
            .filter_map(|entry| text(entry, "message"))
            .collect())
    }

    /// Writes a picture of the whole page to `target/screenshots/<name>.png` and returns its path.
    ///
    /// # Errors
    /// When the picture cannot be taken or written.
    pub async fn screenshot(&self, name: &str) -> Result<PathBuf, TestkitError> {
        let parameters = json!({ "format": "png", "captureBeyondViewport": true });
        let command = DevTools {
            name: "Page.captureScreenshot",
            parameters,
        };
        let answer = self.answer("draw", name, self.client.issue_cmd(command)).await?;
        let text = answer.get("data").and_then(Value::as_str).unwrap_or_default();
        let png = base64::engine::general_purpose::STANDARD
            .decode(text)
            .map_err(|error| TestkitError::Browser {
                detail: format!("the picture of {name} is not base64: {error}"),
            })?;
        let directory = screenshot_directory();
        fs::create_dir_all(&directory).map_err(TestkitError::file(&directory))?;
        let path = directory.join(format!("{name}.png"));
        fs::write(&path, png).map_err(TestkitError::file(&path))?;
        Ok(path)
    }

    /// Ends the session in an orderly way. Dropping the browser is enough, and quicker.
    ///
    /// # Errors
    /// When the driver does not answer.
    pub async fn close(self) -> Result<(), TestkitError> {
        self.answer("close", "the session", self.client.clone().close()).await
    }

    async fn found(&self, css: &str) -> Result<Element, TestkitError> {
        self.wait_for(css).await?;
        self.answer("find", css, self.client.find(Locator::Css(css))).await
    }

    /// What the driver says to a command, or that it says nothing: a test that names what stalled, instead of one that
    /// hangs.
    async fn answer<T>(
        &self,
        verb: &str,
        what: &str,
        command: impl Future<Output = Result<T, CmdError>>,
    ) -> Result<T, TestkitError> {
        let detail = match tokio::time::timeout(COMMAND_MAX, command).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => format!("cannot {verb} {what}: {error}"),
            Err(_elapsed) => format!(
                "cannot {verb} {what}: no answer within {} s; {}",
                COMMAND_MAX.as_secs(),
                self.driver.log()
            ),
        };
        Err(TestkitError::Browser { detail })
    }
}

/// Starts chromedriver, and again where the port that it chose was taken before it could have it.
async fn driver_start() -> Result<(Guarded, u16), TestkitError> {
    let program = find("chromedriver", "chromium-driver", &["chromedriver"])?;
    let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
    loop {
        let scratch = scratch_make("imajin-browser", None)?;
        let driver = Guarded::start(&program, &["--port=0".to_owned()], "KILL", scratch)?;
        if let Some(port) = driver_port(&driver, deadline).await? {
            return Ok((driver, port));
        }
    }
}

/// The port that the driver chose, from its log: better than choosing one that another process may take meanwhile.
/// None where it has given up.
async fn driver_port(driver: &Guarded, deadline: Instant) -> Result<Option<u16>, TestkitError> {
    loop {
        let log = driver.log();
        let port = log.lines().find_map(|line| {
            line.rsplit_once("successfully on port ")?
                .1
                .trim_end_matches('.')
                .parse()
                .ok()
        });
        if port.is_some() {
            return Ok(port);
        }
        if Instant::now() > deadline {
            return Err(TestkitError::NotReady {
                program: "chromedriver",
                seconds: START_SECONDS_MAX,
                log,
            });
        }
        if log.contains("port not available. Exiting") {
            return Ok(None);
        }
        tokio::time::sleep(POLL).await;
    }
}

fn find(program: &'static str, package: &'static str, names: &[&str]) -> Result<PathBuf, TestkitError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories: Vec<PathBuf> = std::env::split_paths(&path).collect();
    names
        .iter()
        .flat_map(|name| directories.iter().map(move |directory| directory.join(name)))
        .find(|candidate| candidate.is_file())
        .ok_or(TestkitError::ProgramMissing {
            program,
            package,
            otherwise: "or put it into PATH",
        })
}

fn screenshot_directory() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"),
        PathBuf::from,
    );
    target.join("screenshots")
}

use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use imajin_agent::{FetchWish, Fetched, PAGE_BYTES_MAX, PaidPart, Payment};
use imajin_imagxp::Purpose;
use imajin_kernel::{Code, Problem};
use imajin_money::Money;
use serde::Serialize;
use url::Url;

use super::super::{CommandError, Output};
use super::{As, HomeArg, amount_parse, purpose_parse};

/// The longest name that a page gets from its URL.
const NAME_CHARS_MAX: usize = 100;
/// How many pages of one name may be in a folder.
const NAMES_MAX: u32 = 1_000;

#[derive(Debug, Args)]
pub(in super::super) struct FetchArgs {
    #[command(flatten)]
    home: HomeArg,
    /// The page.
    url: Url,
    /// The most that it may cost: `0.01`, or `0.01 EUR`.
    #[arg(long, value_name = "AMOUNT", value_parser = amount_parse)]
    max: Option<Money>,
    /// What for: `RAG_RETRIEVAL`, `SUMMARY`, `QUOTATION`, `EMBEDDING` or `CRAWL_TRAINING`.
    #[arg(long, value_name = "PURPOSE", default_value = "RAG_RETRIEVAL", value_parser = purpose_parse)]
    purpose: Purpose,
    /// By which protocol the agent says who it is.
    #[arg(long = "as", value_enum, default_value_t)]
    door: As,
    /// Where the page is put. Without it, the page is the output, and what was paid is told on the error stream; a page
    /// that is no text does not go to a terminal, but into a new file in this folder, named from the URL.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The largest page, in bytes.
    #[arg(long, value_name = "COUNT", default_value_t = PAGE_BYTES_MAX)]
    max_bytes: u64,
}

/// What was read, where the page itself is the output.
#[derive(Serialize)]
struct Given<'a> {
    #[serde(flatten)]
    fetched: &'a Fetched,
    /// The file that the page was put into, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a Path>,
}

impl FetchArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let mut agent = self.home.agent()?;
        agent.door_set(self.door.into());
        let out = match &self.out {
            Some(out) => out.clone(),
            None => agent.waiting_file(&self.url, self.purpose)?,
        };
        let wish = FetchWish {
            url: self.url,
            purpose: self.purpose,
            max: self.max,
            out,
            run: None,
            bytes_max: self.max_bytes,
        };
        if self.out.is_some() {
            let fetched = Box::pin(agent.fetch(&wish)).await?;
            output.result(&fetched, |fetched| fetched_text(fetched, Some(&wish.out)));
            return Ok(());
        }
        let mut file = None;
        let mut take = |fetched: &Fetched| {
            file = page_put(&wish.out, &fetched.url)?;
            Ok(())
        };
        let fetched = Box::pin(agent.fetch_for(&wish, &mut take)).await?;
        let (fetched, file) = (&fetched, file.as_deref());
        output.report(&Given { fetched, file }, |_given| fetched_text(fetched, file));
        Ok(())
    }
}

/// Gives a page out: on the output, or, where that is a terminal and the page no text, in a file with this name.
fn page_put(page: &Path, url: &Url) -> Result<Option<PathBuf>, Problem> {
    let output = std::io::stdout();
    if output.is_terminal() && !is_text(&std::fs::read(page).map_err(failed(page))?) {
        return file_new(page, Path::new(""), url).map(Some);
    }
    let mut output = output.lock();
    let mut read = File::open(page).map_err(failed(page))?;
    let written = std::io::copy(&mut read, &mut output).and_then(|_bytes| output.flush());
    written.map_err(|error| {
        let problem = Problem::new(Code::Internal, format!("The page could not be written out: {error}."));
        problem.hint("Run the command again: nothing is paid twice.")
    })?;
    Ok(None)
}

/// Whether a terminal shows it as it is, and is told nothing by it.
fn is_text(bytes: &[u8]) -> bool {
    let is_shown = |letter: char| !letter.is_control() || matches!(letter, '\n' | '\r' | '\t');
    std::str::from_utf8(bytes).is_ok_and(|text| text.chars().all(is_shown))
}

/// Copies a page into a new file of a folder, and never over one that is there.
fn file_new(page: &Path, folder: &Path, url: &Url) -> Result<PathBuf, Problem> {
    let name = file_name(url);
    let mut read = File::open(page).map_err(failed(page))?;
    for number in 0..NAMES_MAX {
        let path = folder.join(if number == 0 {
            name.clone()
        } else {
            format!("{name}.{number}")
        });
        let mut file = match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(failed(&path)(error)),
        };
        let copied = std::io::copy(&mut read, &mut file).and_then(|_bytes| file.sync_all());
        return match copied {
            Ok(()) => Ok(path),
            Err(error) => {
                let _was_never_there = std::fs::remove_file(&path);
                Err(failed(&path)(error))
            }
        };
    }
    let detail = format!("There are {NAMES_MAX} files with the name {name} here.");
    Err(Problem::new(Code::Conflict, detail).hint("Name another one with --out."))
}

/// What a page is called on disk: the last part of its path, which leads nowhere else and is no option of a command.
fn file_name(url: &Url) -> String {
    let mut parts = url.path_segments().into_iter().flatten();
    let last = parts.rfind(|part| !part.is_empty()).unwrap_or_default();
    let is_plain = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_');
    let letters = last.chars().map(|letter| if is_plain(&letter) { letter } else { '_' });
    let name: String = letters
        .skip_while(|letter| matches!(letter, '.' | '-'))
        .take(NAME_CHARS_MAX)
        .collect();
    if name.is_empty() { "page".to_owned() } else { name }
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> Problem {
    let shown = path.display().to_string();
    move |error| Problem::new(Code::Internal, format!("{shown}: {error}."))
}

fn fetched_text(fetched: &Fetched, out: Option<&Path>) -> String {
    let read = out.map_or_else(
        || format!("{} bytes.", fetched.bytes),
        |out| format!("{} bytes are in {}.", fetched.bytes, out.display()),
    );
    let paid = fetched.paid.as_ref().map_or_else(
        || "It cost nothing.".to_owned(),
        |paid| {
            format!(
                "Paid {} to {} with a visa of {}, receipt {}.",
                paid.price, paid.publisher, paid.broker, paid.receipt
            )
        },
    );
    let origin = fetched.origin.as_ref();
    let origin = origin.map(|origin| format!("The publisher has signed that it is {origin}."));
    let unchecked = fetched.origin_unchecked.as_ref();
    let unchecked = unchecked.map(|why| format!("What the publisher has signed about it could not be checked: {why}"));
    let split = fetched.paid.iter().flat_map(split_text);
    let lines: Vec<String> = [read, paid]
        .into_iter()
        .chain(split)
        .chain(origin)
        .chain(unchecked)
        .collect();
    lines.join("\n")
}

/// Where the price went, a line for each part.
fn split_text(paid: &Payment) -> Vec<String> {
    if let Some(why) = &paid.receipt_unchecked {
        return vec![format!("Where it went is not known: {why}")];
    }
    let part = |part: &PaidPart| format!("  {} to {} ({})", part.amount, part.did, part.role);
    paid.parts.iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_called_after_its_url_and_leads_out_of_no_folder() {
        for (url, name) in [
            ("https://site.example/a/report.pdf?x=1#y", "report.pdf"),
            ("https://site.example/", "page"),
            ("https://site.example/posts/1/", "1"),
            ("https://site.example/..%2F..%2Fetc%2Fpasswd", "_2F.._2Fetc_2Fpasswd"),
            ("https://site.example/a/%2e%2e%2fb", "_2e_2e_2fb"),
            ("https://site.example/-rf", "rf"),
            ("https://site.example/.ssh", "ssh"),
            ("https://site.example/...", "page"),
        ] {
            assert_eq!(file_name(&url.parse().unwrap()), name, "{url}");
        }
        let long = format!("https://site.example/{}", "a".repeat(5_000));
        assert_eq!(file_name(&long.parse().unwrap()).len(), NAME_CHARS_MAX);
    }

    #[test]
    fn a_file_that_is_there_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let (page, url) = (
            folder.path().join("waiting"),
            "https://site.example/a.pdf".parse().unwrap(),
        );
        std::fs::write(&page, "new").unwrap();
        std::fs::write(folder.path().join("a.pdf"), "old").unwrap();
        // A link leads elsewhere: it is there as well.
        std::os::unix::fs::symlink("/nowhere", folder.path().join("a.pdf.1")).unwrap();
        let put = file_new(&page, folder.path(), &url).unwrap();
        assert_eq!(put, folder.path().join("a.pdf.2"));
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!((read("a.pdf"), read("a.pdf.2")), ("old".to_owned(), "new".to_owned()));
        let nowhere = file_new(&page, &folder.path().join("none"), &url).unwrap_err();
        assert!(nowhere.detail.contains("a.pdf"), "{nowhere}");
    }

    #[test]
    fn a_terminal_gets_text_and_no_commands() {
        assert!(is_text("Grüße,\n\tAda\r\n".as_bytes()) && is_text(b""));
        for other in [
            b"\x1b]0;title\x07".as_slice(),
            b"%PDF\xff",
            b"a\0b",
            "\u{9b}2J".as_bytes(),
        ] {
            assert!(!is_text(other), "{other:?}");
        }
    }
}

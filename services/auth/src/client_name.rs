//! What a client calls itself, in words that its owner recognises.

/// Browsers, in the order in which they must be looked for: most of them also say the names of others.
const BROWSERS: [(&str, &str); 7] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrom", "Chrome"),
    ("Safari/", "Safari"),
];
const SYSTEMS: [(&str, &str); 8] = [
    ("iPhone", "an iPhone"),
    ("iPad", "an iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "a Mac"),
    ("Linux", "Linux"),
    ("BSD", "BSD"),
];
const LENGTH_MAX: usize = 60;

/// `Firefox on Linux`, or the first word of what it says. A client can say anything: this is a hint and no proof.
pub(crate) fn client_name(said: Option<&str>) -> String {
    let Some(said) = said.map(str::trim).filter(|said| !said.is_empty()) else {
        return "A program that gave no name".to_owned();
    };
    let find = |names: &[(&str, &'static str)]| names.iter().find(|(mark, _)| said.contains(mark)).map(|found| found.1);
    match (find(&BROWSERS), find(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        _ if said.starts_with("imajin") => "The imajin command line".to_owned(),
        _ => {
            let word = said.split(['/', ' ']).next().unwrap_or(said);
            word.chars().take(LENGTH_MAX).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_called_by_names_that_people_know() {
        for (said, name) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
                "Firefox on Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 \
                 Safari/537.36 Edg/142.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/142.0 \
                 Safari/537.36",
                "Chrome on Linux",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 26_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 Version/26.1 Mobile/15E148 Safari/604.1",
                "Safari on an iPhone",
            ),
            ("imajin/0.1.0", "The imajin command line"),
            ("curl/8.14.1", "curl"),
            ("<script>alert(1)</script>", "<script>alert(1)<"),
        ] {
            assert_eq!(client_name(Some(said)), name);
        }
        assert_eq!(client_name(None), client_name(Some("  ")));
        assert_eq!(client_name(Some(&"x".repeat(500))).len(), LENGTH_MAX);
    }
}

//! robots.txt by RFC 9309, and the lines about terms.

use imajin_imagxp::{PathPattern, Robots, is_ambiguous_path, path_normal};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

#[test]
fn the_examples_of_the_rfc_hold() {
    let text = "User-Agent: *\nDisallow: *.gif$\nDisallow: /example/\nAllow: /publications/\n\n\
        User-Agent: foobot\nDisallow:/\nAllow:/example/page.html\nAllow:/example/allowed.gif\n\n\
        User-Agent: barbot\nUser-Agent: bazbot\nDisallow: /example/page.html\n\n\
        User-Agent: quxbot\n\nEOF";
    let robots = Robots::parse(text.as_bytes());
    for (agent, path, allowed) in [
        ("unknown", "/a.gif", false),
        ("unknown", "/a.gif?x", true),
        ("unknown", "/example/", false),
        ("unknown", "/publications/x", true),
        ("FooBot/2.1", "/", false),
        ("foobot", "/example/page.html", true),
        ("foobot", "/example/allowed.gif", true),
        ("foobot", "/example/other.gif", false),
        ("barbot", "/example/page.html", false),
        ("bazbot", "/example/page.html", false),
        ("bazbot", "/other", true),
        ("quxbot", "/example/", true),
        ("foobot", "/robots.txt", true),
    ] {
        assert_eq!(robots.is_allowed(agent, path), allowed, "{agent} {path}");
    }
}

#[test]
fn the_longest_match_counts_in_whichever_encoding() {
    let text = "user-agent:*\nallow: /example/page/\ndisallow: /example/page/disallowed.gif\n\
        allow: /same\ndisallow: /same\ndisallow: /foo/bar/\u{30c4}\n\
        disallow: /foo/bar/%62%61%7A\ndisallow: /a*b*c$\n# disallow: /\nDisallow:\n";
    let robots = Robots::parse(text.as_bytes());
    for (path, allowed) in [
        ("/example/page/", true),
        ("/example/page/disallowed.gif", false),
        ("/same/x", true),
        ("/foo/bar/%e3%83%84", false),
        ("/foo/bar/\u{30c4}", false),
        ("/foo/bar/baz", false),
        ("/axbxc", false),
        ("/axbxcx", true),
        ("/abcc", false),
        ("/", true),
    ] {
        assert_eq!(robots.is_allowed("any", path), allowed, "{path}");
    }
}

#[test]
fn the_lines_about_terms_are_found_in_and_outside_of_groups() {
    let text = "License: https://site.example/license.xml\r\nUser-agent: *\r\nContent-Usage: train-ai=n\r\n\
        Content-Usage: /free/ train-ai=y\r\nDisallow: /secret\r\nIMAGXP-Policy: https://site.example/p.json # here\r\n\
        imagxp-broker: https://broker.example/broker\r\nSitemap: https://site.example/s.xml\r\n";
    let robots = Robots::parse(text.as_bytes());
    assert_eq!(robots.licenses, ["https://site.example/license.xml"]);
    assert_eq!(robots.policies, ["https://site.example/p.json"]);
    assert_eq!(robots.brokers, ["https://broker.example/broker"]);
    assert_eq!(robots.sitemaps, ["https://site.example/s.xml"]);
    assert_eq!(robots.usage("x", "/a"), Some("train-ai=n"));
    assert_eq!(robots.usage("x", "/free/a"), Some("train-ai=y"));
    assert!(!robots.is_allowed("x", "/secret"));
    let before = Robots::parse(b"Content-Usage: train-ai=n\nUser-agent: a\nDisallow: /x\n");
    assert_eq!(before.usage("b", "/"), Some("train-ai=n"));
    assert!(!before.is_allowed("a", "/x"));
}

#[test]
fn no_other_way_to_write_a_path_is_another_page() {
    for (written, normal) in [
        ("", "/"),
        ("/", "/"),
        ("/a/../dear", "/dear"),
        ("//dear", "/dear"),
        ("/./dear/", "/dear/"),
        ("/%64ear", "/dear"),
        ("/cheap/%2e%2E/dear", "/dear"),
        ("/cheap%2f..%2fdear", "/dear"),
        ("/cheap/..\\dear", "/dear"),
        ("/dear?cheap", "/dear"),
        ("/dear#x", "/dear"),
        ("/../../dear", "/dear"),
        ("/d%zz", "/d%25zz"),
        ("/%%6262", "/%25b62"),
        ("/\u{e9}", "/%C3%A9"),
        ("/a/b/..", "/a/"),
        ("/a;x=1/dear;y", "/a/dear"),
        ("/;x/dear%3by/", "/dear/"),
        ("/cheap/..;/dear", "/dear"),
        ("/cheap/%2e%2E%3b/dear", "/dear"),
        ("/d%253Bx", "/d%253Bx"),
    ] {
        assert_eq!(path_normal(written), normal, "{written}");
    }
    for ambiguous in [
        "/a/../b",
        "/a/.",
        "/a/..;/b",
        "/a/.%3Bx/b",
        "/a/%2e./b",
        "/a;b=%2Fc/d",
        "/a%3b\\c/d",
    ] {
        assert!(is_ambiguous_path(ambiguous), "{ambiguous}");
    }
    for clear in ["/", "/a;b/c", "/a%2Fb", "/...;/b", "/a?x=../;%2F", "/a;b?c=/.."] {
        assert!(!is_ambiguous_path(clear), "{clear}");
    }
    for wrong in [
        "",
        "x",
        "a/*",
        "/a b",
        &"/*".repeat(17),
        &format!("/{}", "a".repeat(600)),
    ] {
        assert!(wrong.parse::<PathPattern>().is_err(), "{wrong}");
    }
}

fn config() -> Config {
    Config {
        cases: 300,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0x0b07),
        ..Config::default()
    }
}

/// The same by trying every place for every star.
fn matches_slowly(pattern: &[u8], path: &[u8], is_whole: bool) -> bool {
    match pattern.split_first() {
        None => !is_whole || path.is_empty(),
        Some((b'*', rest)) => (0..=path.len()).any(|at| matches_slowly(rest, &path[at..], is_whole)),
        Some((byte, rest)) => path
            .split_first()
            .is_some_and(|(first, path)| first == byte && matches_slowly(rest, path, is_whole)),
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_pattern_matches_as_the_definition_says(pattern in "/[ab*/]{0,8}\\$?", path in "/[ab/]{0,10}") {
        let is_whole = pattern.ends_with('$');
        let body = pattern.trim_end_matches('$');
        let parsed: PathPattern = pattern.parse().unwrap();
        prop_assert_eq!(parsed.matches_normal(&path), matches_slowly(body.as_bytes(), path.as_bytes(), is_whole));
    }

    #[test]
    fn normal_paths_stay_as_they_are(path in "[/.;%a-f0-9\\\\é]{0,24}") {
        let normal = path_normal(&path);
        prop_assert!(normal.starts_with('/') && !normal.contains("//") && !normal.contains("/../"));
        prop_assert_eq!(path_normal(&normal), normal);
    }

    #[test]
    fn any_text_is_some_robots_txt(
        text in "((User-agent|Allow|Disallow|Content-Usage|License)?[: */a$#\n]{0,6}){0,20}",
        path in "/[a*$%/]{0,9}",
    ) {
        let robots = Robots::parse(text.as_bytes());
        let _allowed = (robots.is_allowed("a", &path), robots.usage("a", &path));
        prop_assert!(robots.is_allowed("a", "/robots.txt"));
    }
}

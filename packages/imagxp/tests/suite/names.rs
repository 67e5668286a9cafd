use imajin_imagxp::{AgentId, ClaimError, Names};

#[test]
fn a_public_domain_is_an_agents_name() {
    for (text, name) in [
        ("bot.example.org", "bot.example.org"),
        ("BOT.Example.org", "bot.example.org"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("a-1.b2.co", "a-1.b2.co"),
        ("bot.xn--p1ai", "bot.xn--p1ai"),
    ] {
        let agent: AgentId = text.parse().unwrap();
        assert_eq!(agent.as_str(), name);
        assert_eq!(
            agent.manifest_url(),
            format!("https://{name}/.well-known/imagxp-agent.json")
        );
    }
}

#[test]
fn what_is_no_public_domain_is_no_name() {
    for text in [
        "",
        ".",
        "localhost",
        "bot",
        "bot.",
        ".bot",
        "bot..org",
        "127.0.0.1",
        "10.1",
        "0x7f.1",
        "[::1]",
        "2130706433",
        "a.127",
        "printer.local",
        "node.localhost",
        "db.internal",
        "nas.lan",
        "x.home",
        "1.0.0.127.in-addr.arpa",
        "hidden.onion",
        "bot.example.org:8080",
        "bot.example.org/x",
        "bot@example.org",
        "bot example.org",
        "b\u{f6}t.org",
        "-a.org",
        "a-.org",
        "a_b.org",
        &format!("{}.org", "x".repeat(64)),
        &"a.".repeat(130),
    ] {
        assert_eq!(text.parse::<AgentId>(), Err(ClaimError::AgentName), "{text}");
    }
}

#[test]
fn a_name_of_this_machine_is_one_for_development_only() {
    for (text, name) in [
        ("localhost:3000", "localhost:3000"),
        ("LOCALHOST", "localhost"),
        // The same place has one name, by which its account and its visas are found.
        ("localhost:80", "localhost"),
        ("127.0.0.1:80", "127.0.0.1"),
    ] {
        assert_eq!(AgentId::parse(text, Names::Public), Err(ClaimError::AgentName));
        let agent = AgentId::parse(text, Names::Development).unwrap();
        assert_eq!(agent.as_str(), name);
        assert_eq!(agent.origin(), format!("http://{name}"));
    }
    for name in [
        "10.0.0.1",
        "127.0.0.2",
        "localhost:x",
        "localhost:99999",
        "localhost:080",
        "localhost:+80",
        "localhost:0",
        "localhost:",
        "localhost:1:2",
        "printer.local",
    ] {
        assert!(AgentId::parse(name, Names::Development).is_err(), "{name}");
    }
    assert!(AgentId::parse("bot.example.org", Names::Development).is_ok());
}

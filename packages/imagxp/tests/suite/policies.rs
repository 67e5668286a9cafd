//! The policy: its file, what it decides, and what others read of it.

use http::HeaderMap;
use imajin_fair::Terms;
use imajin_imagxp::policy::{
    Decision, Due, Policy, PolicyError, PolicyLinks, PriceRule, Reason, Visitor, looks_like_a_browser,
};
use imajin_imagxp::{Binding, Purpose, Refusal, Robots, VisitorType};
use serde_json::json;

const FILE: &str = r#"
version = 1
contact = "rights@site.example"
brokers = ["https://broker.example/broker/"]
origin = "HUMAN"
ads = { issuer = "https://ads.example", jwks = "https://ads.example/jwks.json" }

[default]
price = "free"
strategy = "hybrid"

[[rules]]
path = "/posts/*"
purposes = ["RAG_RETRIEVAL", "SUMMARY"]
price = "0.01 USD"
attribution = true

[[rules]]
path = "/posts/*"
purposes = ["CRAWL_TRAINING"]
allow = false

[[rules]]
path = "/posts/dear"
price = "0.50 USD"
strategy = "strict"

[[rules]]
path = "/works/"
price = "fair"

[[rules]]
path = "/ads/"
requires_payment = true
allow_ads = true

[[rules]]
path = "/open/"
strategy = "passive"
"#;

const LINKS: PolicyLinks<'_> = PolicyLinks {
    origin: "https://site.example",
    audience: "site.example",
};

fn policy() -> Policy {
    Policy::parse(FILE).unwrap()
}

fn agent(purpose: Purpose) -> Visitor {
    Visitor::Agent {
        purpose,
        binding: Binding::Url,
        is_ad_proven: false,
    }
}

fn decide(path: &str, visitor: Visitor) -> Decision {
    policy().decide(path, visitor, None)
}

fn usd(text: &str) -> Due {
    Due::Pay(text.parse().unwrap())
}

#[test]
fn the_longest_pattern_counts_and_then_the_purpose() {
    let due = |path, purpose| decide(path, agent(purpose)).due;
    assert_eq!(due("/posts/1", Purpose::RagRetrieval), usd("0.01 USD"));
    assert_eq!(
        due("/posts/1", Purpose::CrawlTraining),
        Due::Refuse(Refusal::PolicyDenied)
    );
    assert_eq!(due("/posts/1", Purpose::Embedding), Due::Pass, "no rule names it");
    assert_eq!(
        due("/posts/dear", Purpose::CrawlTraining),
        usd("0.50 USD"),
        "the longer pattern"
    );
    assert_eq!(due("/about", Purpose::Summary), Due::Pass);
    assert_eq!(
        decide("/posts/dear", agent(Purpose::Summary))
            .terms
            .rule
            .unwrap()
            .as_str(),
        "/posts/dear"
    );
    assert!(policy().terms("/posts/1", Some(Purpose::Summary)).attribution);
}

#[test]
fn a_dear_page_is_dear_however_it_is_written() {
    for path in [
        "//posts/dear",
        "/x/../posts/dear",
        "/posts/%64ear",
        "/posts//dear",
        "/posts%2fdear",
        "/posts/dear?a=1",
        "/posts;x=1/dear",
        "/posts/dear;jsessionid=1",
        "/posts/dear%3Bx",
        "/posts/%3bx/dear",
        "/x/..;/posts/dear",
        "/Posts/DEAR",
        "/%50osts/dear",
    ] {
        assert_eq!(decide(path, agent(Purpose::Summary)).due, usd("0.50 USD"), "{path}");
    }
}

#[test]
fn a_rule_means_its_path_in_either_case_and_with_any_parameters() {
    let rules = |paths: [&str; 2]| {
        let rule = |path: &str| format!("[[rules]]\npath = \"{path}\"\nallow = false\n");
        Policy::parse(&format!("version = 1\n{}", paths.map(rule).concat()))
    };
    let policy = rules(["/Docs/*.PDF$", "/docs/"]).unwrap();
    for path in ["/docs/a.pdf", "/DOCS/a.pdf;x"] {
        let known = policy.terms(path, None).rule.as_ref();
        assert_eq!(
            known.map(ToString::to_string).as_deref(),
            Some("/Docs/*.PDF$"),
            "{path}"
        );
    }
    // What others read keeps its case.
    assert!(policy.robots_lines(&LINKS).contains("Content-Usage: /Docs/*.PDF$ "));
    for (paths, problem) in [
        (["/Docs/", "/docs/"], "rule 2 (/docs/): differs from /Docs/"),
        (["/docs/", "/docs;v=1/"], "rule 2 (/docs;v=1/): a pattern has no `;`"),
        (["/docs%3bv/", "/"], "rule 1 (/docs%3bv/): a pattern has no `;`"),
    ] {
        let error = rules(paths).unwrap_err().to_string();
        assert!(error.starts_with(problem), "{error}");
    }
}

#[test]
fn who_says_nothing_passes_as_the_strategy_says() {
    let silent = |path, is_browser| {
        let decision = decide(path, Visitor::Silent { is_browser });
        (decision.due, decision.visitor)
    };
    assert_eq!(silent("/about", true), (Due::Pass, VisitorType::LikelyHuman));
    assert_eq!(silent("/about", false).0, Due::Refuse(Refusal::IdentityFail));
    assert_eq!(silent("/posts/dear", true).0, Due::Refuse(Refusal::IdentityRequired));
    assert_eq!(silent("/open/", false), (Due::Pass, VisitorType::UnidentifiedBot));
}

#[test]
fn headers_that_any_client_can_send_make_no_browser() {
    let headers = |fields: &[(&'static str, &str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.insert(*name, value.parse().unwrap());
        }
        headers
    };
    let browser = [
        ("user-agent", "Mozilla/5.0"),
        ("accept-language", "de"),
        ("sec-fetch-dest", "document"),
    ];
    assert!(looks_like_a_browser(&headers(&browser)));
    for fields in [
        vec![("cf-ray", "1"), ("user-agent", "Mozilla/5.0")],
        vec![("x-vercel-id", "1")],
        vec![("user-agent", "python-requests/2"), browser[1], browser[2]],
        vec![browser[1], browser[2]],
        vec![browser[0], browser[1]],
    ] {
        assert!(!looks_like_a_browser(&headers(&fields)), "{fields:?}");
    }
}

#[test]
fn the_terms_of_the_work_set_the_price_and_can_prohibit() {
    let terms = |value| Terms::try_from(value).unwrap();
    let work = terms(json!({"read": {"price": "0.08", "currency": "USD"}, "train": {"price": "prohibited"}}));
    let policy = policy();
    let due = |path, purpose| policy.decide(path, agent(purpose), Some(&work)).due;
    assert_eq!(due("/works/1", Purpose::Quotation), usd("0.08 USD"));
    assert_eq!(due("/works/1", Purpose::Embedding), Due::Refuse(Refusal::PolicyDenied));
    assert_eq!(
        due("/posts/dear", Purpose::Embedding),
        Due::Refuse(Refusal::PolicyDenied),
        "the authors decide"
    );
    assert_eq!(
        due("/posts/1", Purpose::Summary),
        usd("0.01 USD"),
        "the publisher's own price"
    );
    let silent = terms(json!({}));
    assert_eq!(
        policy.decide("/works/1", agent(Purpose::Summary), Some(&silent)).due,
        Due::Pass
    );
    let other = terms(json!({"read": {"price": "1", "currency": "SOL"}}));
    let decision = policy.decide("/works/1", agent(Purpose::Summary), Some(&other));
    assert_eq!(decision.due, Due::Refuse(Refusal::PolicyDenied));
}

#[test]
fn what_has_a_price_needs_a_claim_for_it_and_advertisements_need_a_proof() {
    let visitor = |binding, is_ad_proven| Visitor::Agent {
        purpose: Purpose::Summary,
        binding,
        is_ad_proven,
    };
    assert_eq!(
        decide("/posts/1", visitor(Binding::Unbound, false)).reason,
        Reason::Unbound
    );
    assert_eq!(
        decide("/posts/1", visitor(Binding::PathOnly, false)).due,
        usd("0.01 USD")
    );
    assert_eq!(decide("/about", visitor(Binding::Unbound, false)).due, Due::Pass);
    assert_eq!(
        decide("/ads/1", visitor(Binding::Url, false)).due,
        Due::Refuse(Refusal::PaymentRequired)
    );
    assert_eq!(decide("/ads/1", visitor(Binding::Url, true)).reason, Reason::Advertised);
    assert_eq!(
        decide("/posts/1", visitor(Binding::Url, true)).due,
        usd("0.01 USD"),
        "not offered there"
    );
}

#[test]
fn a_wrong_file_says_where() {
    let with = |extra: &str| {
        Policy::parse(&format!(
            "version = 1\nbrokers = [\"https://b.example/broker\"]\n{extra}"
        ))
    };
    assert!(with("").is_ok());
    for (extra, place) in [
        ("[[rules]]\npath = \"x\"", "rule 1 (x)"),
        ("[[rules]]\npath = \"/x\"\nprice = \"5\"", "rule 1 (/x)"),
        ("[[rules]]\npath = \"/x\"\nprice = \"0 USD\"", "rule 1 (/x)"),
        ("[[rules]]\npath = \"/x\"\nprice = \"1 SOL\"", "rule 1 (/x)"),
        (
            "[[rules]]\npath = \"/\"\n[[rules]]\npath = \"/y\"\nfair = \"no id\"",
            "rule 2 (/y)",
        ),
        (
            "[[rules]]\npath = \"/x\"\nprice = \"1 USD\"\nrequire_binding = false",
            "rule 1 (/x)",
        ),
        ("[default]\nprice = \"dear\"", "default"),
    ] {
        match with(extra).unwrap_err() {
            PolicyError::Value { place: found, .. } => assert_eq!(found, place),
            other @ PolicyError::Syntax(_) => panic!("{other}"),
        }
    }
    for (extra, said) in [
        (
            "{ issuer = \"https://c.example/broker\", bearers = true }",
            "unknown field `bearers`",
        ),
        ("{ bearer = true }", "missing field `issuer`"),
        (
            "{ issuer = \"https://c.example/broker\", bearer = 1 }",
            "expected a boolean",
        ),
        (
            "{ issuer = \"c.example\", bearer = true }",
            "must be the address of a broker",
        ),
        (
            "{ issuer = \"https://b.example/broker/\", bearer = true }",
            "is named twice",
        ),
        ("7", "the address of a broker, or a table"),
    ] {
        let text = format!("version = 1\nbrokers = [\"https://b.example/broker\", {extra}]");
        let error = Policy::parse(&text).unwrap_err().to_string();
        assert!(error.contains(said), "{extra}: {error}");
    }
    for text in [
        "version = 2",
        "",
        "version = 1\nsurprise = true",
        "version = 1\n[[rules]]\npath = \"/\"\npurposes = [\"STEAL\"]",
        "version = 1\n[[rules]]\npath = \"/\"\nprise = \"1 USD\"",
        "version = 1\n[[rules]]\npath = \"/\"\nprice = \"1 USD\"",
        "version = 1\n[default]\nallow_ads = true",
        "version = 1\nads = { issuer = \"x\", jwks = \"no address\" }",
        "version = 1\nbrokers = [\"broker.example\"]",
        "version = 1\nbrokers = [\"https://u@broker.example/\"]",
    ] {
        assert!(Policy::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_broker_is_an_address_or_a_table_that_says_whether_bearers_visas_are_taken() {
    let (plain, bearing) = ("https://a.example/broker", "https://b.example/broker");
    for text in [
        format!("version = 1\nbrokers = [\"{plain}\", {{ issuer = \"{bearing}/\", bearer = true }}]"),
        format!("version = 1\n[[brokers]]\nissuer = \"{plain}\"\n[[brokers]]\nissuer = \"{bearing}\"\nbearer = true"),
    ] {
        let policy = Policy::parse(&text).unwrap();
        assert_eq!(policy.issuers(), [plain, bearing]);
        assert_eq!(policy.bearer_issuers(), [bearing]);
        assert!(!policy.broker(plain).unwrap().bearer && policy.broker(bearing).unwrap().bearer);
        let document = policy.to_document(&LINKS);
        assert_eq!(document["brokers"], json!([plain, bearing]), "as it is read already");
        assert_eq!(document["bearer"], json!([bearing]));
        let robots = Robots::parse(policy.robots_lines(&LINKS).as_bytes());
        assert_eq!(robots.brokers, [plain, bearing]);
    }
    assert!(policy().to_document(&LINKS).get("bearer").is_none());
}

#[test]
fn the_same_policy_is_read_at_every_door() {
    let policy = policy();
    let document = policy.to_document(&LINKS);
    assert_eq!(
        (&document["allowTraining"], &document["requiresPayment"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(document["monetization"]["brokerUrl"], "https://broker.example/broker");
    let rule = document["rules"]
        .as_array()
        .unwrap()
        .iter()
        .find(|rule| rule["path"] == "/posts/*")
        .unwrap();
    assert_eq!(
        rule["purposes"]["SUMMARY"]["price"],
        json!({"amount": "0.01", "currency": "USD"})
    );
    assert_eq!(rule["purposes"]["CRAWL_TRAINING"]["allow"], json!(false));

    let robots = Robots::parse(policy.robots_lines(&LINKS).as_bytes());
    assert_eq!(robots.policies, ["https://site.example/.well-known/imagxp-policy.json"]);
    assert_eq!(robots.brokers, ["https://broker.example/broker"]);
    assert_eq!(robots.licenses, ["https://site.example/license.xml"]);
    for path in ["/posts/1", "/about", "/posts/dear", "/open/1"] {
        assert_eq!(robots.usage("bot", path), Some(policy.content_usage(path)), "{path}");
        assert!(robots.is_allowed("bot", path), "prices decide, not robots.txt");
    }
    assert_eq!(policy.content_usage("/about"), "train-ai=y");
    assert_eq!(policy.content_usage("/posts/1"), "train-ai=n");

    let xml = policy.license_xml(&LINKS);
    assert!(
        xml.contains("<content url=\"https://site.example/posts/*\" server=\"https://broker.example/broker\">"),
        "{xml}"
    );
    assert!(xml.contains("<prohibits type=\"usage\">ai-train</prohibits>"), "{xml}");
    assert!(
        xml.contains("<payment type=\"crawl\"><amount currency=\"USD\">0.01</amount></payment>"),
        "{xml}"
    );
    assert_eq!(xml.matches("<content ").count(), xml.matches("</content>").count());
    assert!(
        policy
            .broker("https://broker.example/broker")
            .is_some_and(|broker| !broker.bearer)
    );
    assert!(policy.broker("https://broker.example/broker/").is_none());
    assert_eq!(policy.terms("/works/x", None).price, PriceRule::Fair);
}

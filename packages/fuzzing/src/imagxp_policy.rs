//! Policy files.

use imajin_imagxp::policy::{Due, Policy, PolicyLinks, Visitor};
use imajin_imagxp::{Binding, Purpose, Robots};

const LINKS: PolicyLinks<'_> = PolicyLinks {
    origin: "https://site.example",
    audience: "site.example",
};

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let seeds: [&[u8]; 4] = [
        b"version = 1\nbrokers = [\"https://a.example/b\", { issuer = \"https://c.example/d\", bearer = true }]\n",
        b"version = 1\nbrokers = [\"https://broker.example/broker\"]\n[default]\nprice = \"free\"\n\
            [[rules]]\npath = \"/posts/*\"\npurposes = [\"RAG_RETRIEVAL\"]\nprice = \"0.01 USD\"\nattribution = true\n",
        b"version = 1\nallow_v10 = true\norigin = \"HUMAN\"\n[[rules]]\npath = \"/a*b$\"\nallow = false\n",
        b"version = 1\nads = { issuer = \"a\", jwks = \"https://a.example/k\" }\n[[rules]]\npath = \"*\"\nstrategy = \"strict\"\nrequires_payment = true\nallow_ads = true\n",
    ];
    seeds.map(<[u8]>::to_vec).to_vec()
}

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(policy) = Policy::parse(text) else { return };
    let robots = Robots::parse(policy.robots_lines(&LINKS).as_bytes());
    for path in ["/", "/posts/1", "/a/b", "//x/../posts/1"] {
        for purpose in Purpose::ALL {
            let visitor = Visitor::Agent {
                purpose,
                binding: Binding::Unbound,
                is_ad_proven: false,
            };
            let decision = policy.decide(path, visitor, None);
            assert!(
                !matches!(decision.due, Due::Pay(_)),
                "nobody pays with a claim for anything"
            );
        }
        assert!(robots.is_allowed("any", path), "prices decide, not robots.txt");
    }
    let xml = policy.license_xml(&LINKS);
    assert_eq!(xml.matches("<license>").count(), xml.matches("</license>").count());
    let document = policy.to_document(&LINKS);
    assert!(document.is_object());
}

//! robots.txt, and the paths that its patterns are compared with.

use imajin_imagxp::{Robots, path_normal};

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let seeds: [&[u8]; 3] = [
        b"User-Agent: *\nDisallow: *.gif$\nAllow: /a*b*c\n\nUser-agent: foo\nUser-agent: bar\nDisallow: /%62\n",
        b"Content-Usage: train-ai=n\nUser-agent: *\nContent-Usage: /free/ train-ai=y\nLicense: https://a.example/l.xml\n",
        b"IMAGXP-Policy: https://a.example/p\nIMAGXP-Broker: https://b.example/broker\nSitemap: x # y\n",
    ];
    seeds.map(<[u8]>::to_vec).to_vec()
}

pub(crate) fn run(data: &[u8]) {
    let robots = Robots::parse(data);
    let text = String::from_utf8_lossy(data);
    for line in text.lines().take(8) {
        let normal = path_normal(line);
        assert_eq!(path_normal(&normal), normal, "a normal path stays as it is");
        assert!(normal.starts_with('/') && !normal.contains("//") && !normal.contains("/../"));
        let _said = (robots.is_allowed("foo", line), robots.usage("bar", line));
    }
    assert!(robots.is_allowed("foo", "/robots.txt"));
}

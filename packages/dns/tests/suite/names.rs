use imajin_dns::{NameError, RecordSet, Records, Zone, ZoneName};
use proptest::prelude::*;

fn zone() -> Zone {
    "Nodes.Example.".parse().unwrap()
}

#[test]
fn names_are_below_their_zone() {
    assert_eq!(zone().to_string(), "nodes.example");
    for (relative, whole) in [
        ("alice", "alice.nodes.example"),
        ("*.alice", "*.alice.nodes.example"),
        ("_acme-challenge.Alice", "_acme-challenge.alice.nodes.example"),
    ] {
        let name = zone().name(relative).unwrap();
        assert_eq!(name.as_str(), whole);
        assert!(zone().holds(&name));
    }
    assert!(zone().holds(zone().apex()));
    for outside in ["example", "evilnodes.example", "nodes.example.org"] {
        let name: ZoneName = outside.parse().unwrap();
        assert!(!zone().holds(&name), "{outside}");
    }
}

#[test]
fn what_is_no_name_is_refused() {
    for bad in ["", "a..b", "-a", "a-", "a b", "a\"b", "a.*", "ä", "_", "a\n", "a\\032b"] {
        assert!(matches!(zone().name(bad), Err(NameError::Label(_))), "{bad:?}");
    }
    assert!(matches!(zone().name(&"a".repeat(64)), Err(NameError::Label(_))));
    assert_eq!(zone().name(&"a.".repeat(130)), Err(NameError::Length));
    assert!("*.example".parse::<Zone>().is_err(), "a zone is no wildcard");
}

#[test]
fn nothing_is_no_record_set() {
    let name = zone().name("alice").unwrap();
    for records in [Records::A(vec![]), Records::Aaaa(vec![]), Records::Txt(vec![])] {
        assert_eq!(RecordSet::new(name.clone(), 60, records), None);
    }
}

proptest! {
    #[test]
    fn any_text_gives_a_name_of_the_zone_or_a_reason(text in ".{0,80}") {
        if let Ok(name) = zone().name(&text) {
            prop_assert!(zone().holds(&name));
            prop_assert!(name.as_str().is_ascii());
        }
    }
}

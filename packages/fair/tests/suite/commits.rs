use std::collections::BTreeMap;

use imajin_did::Did;
use imajin_fair::Payee;
use imajin_fair::commits::{
    Claim, Claims, ClaimsError, Commit, LogError, WeighError, Weight, changes_of, commits_read, manifest_of,
};
use imajin_kernel::Timestamp;
use proptest::prelude::*;

use crate::support::{config, key, person};

const NOW: Timestamp = Timestamp::from_seconds(1_772_323_200);

/// What git writes for one commit.
fn entry(hash: u32, parents: &[u32], email: &str, trailers: &str, files: &[(&str, &str)]) -> String {
    let name = |hash: &u32| format!("{hash:040x}");
    let parents: Vec<_> = parents.iter().map(name).collect();
    let fields = [
        &name(&hash),
        &parents.join(" "),
        "Somebody",
        email,
        "2026-03-01T12:00:00Z",
        "a subject",
        trailers,
    ];
    let mut text = fields.join("\0") + "\0";
    // Git ends the format with a NUL, and begins the list of files on a line of its own.
    text.push('\0');
    if !files.is_empty() {
        text.push('\n');
    }
    let files = files
        .iter()
        .zip('a'..)
        .map(|((added, removed), path)| format!("{added}\t{removed}\t{path}\0"));
    text + &files.collect::<String>()
}

/// Newest first, as git does: a merge of a branch of two commits onto a main line of two.
fn history() -> Vec<Commit> {
    let text = entry(5, &[3, 4], "ana@example.org", "", &[])
        + &entry(
            4,
            &[2],
            "ben@example.org",
            "Cleo <CLEO@example.org>\nBen again <Ben@example.org>\n",
            &[("30", "9")],
        )
        + &entry(2, &[1], "ben@example.org", "", &[("-", "-"), ("19", "0")])
        + &entry(3, &[1], "ana@example.org", "", &[("5000", "1")])
        + &entry(1, &[], "Ana@Example.org", "", &[("10", "0")]);
    commits_read(text.as_bytes()).unwrap()
}

fn claims() -> BTreeMap<String, Did> {
    let claim = |email: &str, index| Claim {
        email: email.to_owned(),
        did: person(index),
    };
    let claims = vec![
        claim("ana@EXAMPLE.org", 1),
        claim("ben@example.org", 2),
        claim("cleo@example.org", 3),
    ];
    let claims = Claims::sign(&key(1), person(1), claims, NOW).unwrap();
    let text = serde_json::to_string(&claims).unwrap();
    let claims: Claims = serde_json::from_str(&text).unwrap();
    claims.verify(&person(1), &key(1).public()).unwrap()
}

#[test]
fn what_came_in_with_a_merge_is_one_change() {
    let changes = changes_of(&history());
    let shown: Vec<_> = changes
        .iter()
        .map(|change| (change.commits.len(), change.added, change.removed))
        .collect();
    assert_eq!(shown, [(1, 10, 0), (1, 5_000, 1), (3, 49, 9)]);
    // The merge itself is nobody's work: Ben and Cleo made what came in.
    let emails: Vec<_> = changes[2].made.keys().map(String::as_str).collect();
    assert_eq!(emails, ["ben@example.org", "cleo@example.org"]);
}

#[test]
fn points_follow_the_documented_weight() {
    let made = manifest_of(&changes_of(&history()), &claims(), None, Weight::default()).unwrap();
    let points: Vec<_> = made.changes.iter().map(|change| change.points).collect();
    // 100 for each change, a point for a line, at most 1,000 lines of one change.
    assert_eq!(points, [110, 1_100, 158]);
    // Of the merge: the first commit counts 19 lines and one, the second 39 and one, half of them Cleo's.
    let authors: Vec<_> = made.changes[2]
        .authors
        .iter()
        .map(|author| (author.did.clone(), author.points))
        .collect();
    let mut expected = vec![(person(2), 105), (person(3), 53)];
    expected.sort();
    assert_eq!(authors, expected);
    let shares: BTreeMap<_, _> = made
        .manifest
        .contributors
        .iter()
        .map(|entry| (entry.payee.clone(), entry.share.millionths()))
        .collect();
    // 1210, 105 and 53 of 1368.
    let expected = [(1, 884_503), (2, 76_754), (3, 38_743)].map(|(index, share)| (Payee::Did(person(index)), share));
    assert_eq!(shares, expected.into());
    assert_eq!(made.manifest.extra["attribution"]["changes"], 3);
    assert_eq!(made.manifest.kind.as_deref(), Some("code"));
    let by_change = Weight {
        per_change: 1,
        per_line: 0,
        lines_max: 0,
    };
    let made = manifest_of(&changes_of(&history()), &claims(), None, by_change).unwrap();
    assert_eq!(made.manifest.contributors[0].share.millionths(), 666_667);
    let nothing = Weight {
        per_change: 0,
        ..by_change
    };
    assert_eq!(
        manifest_of(&changes_of(&history()), &claims(), None, nothing),
        Err(WeighError::NoPoints)
    );
}

#[test]
fn addresses_that_nobody_claims_are_named_or_given_to_somebody() {
    let mut claims = claims();
    claims.remove("cleo@example.org");
    let changes = changes_of(&history());
    let refused = manifest_of(&changes, &claims, None, Weight::default()).unwrap_err();
    assert_eq!(refused, WeighError::Unclaimed(vec!["cleo@example.org".to_owned()]));
    let made = manifest_of(&changes, &claims, Some(&person(9)), Weight::default()).unwrap();
    assert!(
        made.manifest
            .contributors
            .iter()
            .any(|entry| entry.payee == Payee::Did(person(9)))
    );
    assert_eq!(
        manifest_of(&[], &claims, None, Weight::default()),
        Err(WeighError::Empty)
    );
    // No address gets into what is published.
    let published = made.manifest.to_value().to_string() + &serde_json::to_string(&made.changes).unwrap();
    assert!(!published.contains('@'), "{published}");
}

#[test]
fn claims_are_the_authors_word() {
    let claim = |email: &str, index| Claim {
        email: email.to_owned(),
        did: person(index),
    };
    let twice = Claims::sign(&key(1), person(1), vec![claim("a@b.org", 1), claim("A@b.org", 2)], NOW);
    assert!(matches!(twice, Err(ClaimsError::Twice { .. })));
    let mut claims = Claims::sign(&key(1), person(1), vec![claim("a@b.org", 1)], NOW).unwrap();
    assert!(matches!(
        claims.verify(&person(2), &key(1).public()),
        Err(ClaimsError::NotTheAuthor { .. })
    ));
    claims.0.payload.claims[0].did = person(2);
    assert!(matches!(
        claims.verify(&person(1), &key(1).public()),
        Err(ClaimsError::Proof(_))
    ));
}

#[test]
fn other_output_is_refused_and_none_is_no_commit() {
    assert_eq!(commits_read(b""), Ok(Vec::new()));
    assert_eq!(
        commits_read(b"fatal: not a git repository"),
        Err(LogError::Malformed(0))
    );
    let cut = entry(1, &[], "a@b.org", "", &[]);
    assert_eq!(commits_read(&cut.as_bytes()[..60]), Err(LogError::Malformed(0)));
    // A name with tabs and digits is not taken for a file.
    let text = entry(2, &[1], "3\t4\tx", "", &[("1", "1")]) + &entry(1, &[], "a@b.org", "no address", &[]);
    let commits = commits_read(text.as_bytes()).unwrap();
    assert_eq!((commits.len(), commits[0].added, commits[1].authors.len()), (2, 1, 1));
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn shares_sum_to_one_and_points_to_their_changes(
        commits in proptest::collection::vec((0..30_usize, 0..5_000_u32, 0..30_usize, any::<bool>()), 1..60),
        per_change in 0_u64..1_000, per_line in 1_u64..100, lines_max in 1_u64..5_000,
    ) {
        let mut text = String::new();
        for (place, (author, lines, coauthor, merge)) in commits.iter().enumerate().rev() {
            let place = u32::try_from(place).unwrap();
            let parents: Vec<u32> = match place {
                0 => Vec::new(),
                1 => vec![0],
                _ if *merge => vec![place - 1, place - 2],
                _ => vec![place - 1],
            };
            let trailer = format!("X <p{coauthor}@example.org>");
            text += &entry(place, &parents, &format!("p{author}@example.org"), &trailer, &[(&lines.to_string(), "1")]);
        }
        let claims: BTreeMap<_, _> = (0..30).map(|index| (format!("p{index}@example.org"), person(index))).collect();
        let changes = changes_of(&commits_read(text.as_bytes()).unwrap());
        let weight = Weight { per_change, per_line, lines_max };
        let made = manifest_of(&changes, &claims, None, weight).unwrap();
        let sum: u32 = made.manifest.contributors.iter().map(|entry| entry.share.millionths()).sum();
        prop_assert_eq!(sum, 1_000_000);
        let merged: usize = made.changes.iter().map(|change| change.commits.len()).sum();
        prop_assert_eq!(merged, commits.len());
        for change in &made.changes {
            prop_assert_eq!(change.authors.iter().map(|author| author.points).sum::<u64>(), change.points);
        }
        prop_assert_eq!(&manifest_of(&changes, &claims, None, weight).unwrap(), &made);
    }

    #[test]
    fn no_output_makes_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = commits_read(&bytes);
    }
}

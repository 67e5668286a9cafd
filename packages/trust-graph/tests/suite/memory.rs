use imajin_did::{Did, SecretKey};
use imajin_kernel::Timestamp;
use imajin_trust_graph::{Edge, Graph, StatementId, Tie, Weight};

/// Ties among people with DIDs as long as real ones, ten of them to a person as in the graphs that the budget speaks
/// of.
#[test]
fn a_tie_takes_less_than_64_bytes() {
    let people: Vec<Did> = (0..2_000_u32).map(did).collect();
    let mut state = 1_u64;
    let mut random = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((state >> 33) % below).unwrap()
    };
    let edges = (0..20_000_u128).map(|number| Edge {
        from: people[random(2_000)].clone(),
        to: people[random(2_000)].clone(),
        tie: if number % 2 == 0 {
            Tie::Connection
        } else {
            Tie::Vouch(Weight::FULL)
        },
        until: (number % 3 == 0).then(|| Timestamp::from_seconds(2_000_000_000)),
        statement: StatementId(number.to_be_bytes()),
    });
    let mut graph = Graph::from_edges(edges).unwrap();
    assert!(
        graph.bytes() <= graph.len() * 64,
        "{} bytes for {} ties",
        graph.bytes(),
        graph.len()
    );
    for number in 0..2_000_u128 {
        let (from, to) = (people[random(2_000)].clone(), people[random(2_000)].clone());
        let statement = StatementId(number.to_be_bytes());
        graph
            .put(&Edge {
                from,
                to,
                tie: Tie::CoPresence,
                until: None,
                statement,
            })
            .unwrap();
    }
    graph.compact();
    assert!(graph.bytes() <= graph.len() * 64, "also after further ties");
}

fn did(number: u32) -> Did {
    let mut seed = [7; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    SecretKey::from_seed(seed).did()
}

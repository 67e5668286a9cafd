use imajin_did::SecretKey;
use imajin_fair::Contributor;
use imajin_kernel::Timestamp;
use imajin_money::{Amount, Asset, Share};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::*;

fn person(number: u8) -> Did {
    SecretKey::from_seed([number; 32]).did()
}

/// A manifest whose shares are cut at the given places; an entry follows a deeper manifest where it is told to.
fn manifest(cuts: &std::collections::BTreeSet<u32>, follows: &[(u8, bool)], deeper: &[GoodsSource]) -> Manifest {
    let ends = cuts.iter().copied().chain([1_000_000]);
    let starts = [0].into_iter().chain(cuts.iter().copied());
    let shares = ends
        .zip(starts)
        .map(|(end, start)| Share::from_millionths(end - start).unwrap());
    let entry = |(place, (share, (who, follow))): (usize, (Share, &(u8, bool)))| {
        let payee = match deeper.get(usize::from(*who) % deeper.len().max(1)) {
            Some(source) if *follow => Payee::Fair(source.manifest.id.clone()),
            _ => Payee::Did(person(*who)),
        };
        Contributor::new(payee, format!("role {place}"), share)
    };
    Manifest::new(shares.zip(follows).enumerate().map(entry).collect()).unwrap()
}

/// Up to four levels; the last manifest is the goods' own, the others stand behind it.
fn quotes() -> impl Strategy<Value = GoodsQuote> {
    let level = (btree_set(1_u32..1_000_000, 0..8), vec((any::<u8>(), any::<bool>()), 9));
    (vec(level, 1..=4), 1_i64..=i64::MAX).prop_map(|(levels, micros)| {
        let mut sources: Vec<GoodsSource> = Vec::new();
        for (cuts, follows) in &levels {
            let manifest = manifest(cuts, follows, &sources);
            let accepted = follows
                .iter()
                .filter(|(who, _)| who % 2 == 0)
                .map(|(who, _)| person(*who));
            if sources.iter().all(|known| known.manifest.id != manifest.id) {
                let accepted = accepted.collect();
                sources.push(GoodsSource { manifest, accepted });
            }
        }
        let own = sources.pop().unwrap();
        GoodsQuote {
            title: "a work".to_owned(),
            price: Money::new(Amount::from_micros(micros).unwrap(), Asset::TEST_USD),
            buyer: Some(person(1)),
            seller: person(2),
            manifest: own.manifest,
            accepted: own.accepted,
            sources,
            expires_at: Timestamp::from_seconds(2_000_000_000),
        }
    })
}

proptest! {
    #[test]
    fn fees_and_legs_are_the_price_whatever_the_sources(quote in quotes()) {
        let split = Split::of(&quote, &FeeSchedule::mjn()).unwrap();
        let plan = split.plan(quote.price).unwrap();
        let parts = plan.fees.iter().map(|fee| fee.amount).chain(plan.legs.iter().map(|leg| leg.amount));
        prop_assert_eq!(Amount::sum(parts).unwrap(), quote.price.amount);
        for leg in &plan.legs {
            let last = leg.path.last().unwrap();
            let named = split.manifest_find(last).unwrap();
            prop_assert!(named.contributors.iter().any(|entry| entry.payee == Payee::Did(leg.did.clone())));
        }
        // What is stored gives the same plan again, whatever the order in which the seller sends the sources.
        let text = json_text(&split.document).unwrap();
        let mut reversed = quote.clone();
        reversed.sources.reverse();
        let again = Split::of(&reversed, &FeeSchedule::mjn()).unwrap();
        prop_assert_eq!(&json_text(&again.document).unwrap(), &text);
        let row = SplitRow { id: sha256_hex(text.as_bytes()), document: text, row_seal: Vec::new() };
        prop_assert_eq!(row.parse().unwrap().plan(quote.price).unwrap(), plan);
    }
}

#[test]
fn a_split_without_sources_keeps_the_name_that_it_had() {
    let own = manifest(&[500_000].into(), &[(1, false), (2, false)], &[]);
    let document = SplitDocument {
        seller: person(2),
        manifest: own,
        accepted: Vec::new(),
        sources: Vec::new(),
        fees: FeeSchedule::none(),
    };
    assert!(!json_text(&document).unwrap().contains("sources"));
}

//! Shares that lead to other works.

use imajin_fair::{Contributor, Manifest, Payee};
use imajin_kernel::Code;
use imajin_money::Share;
use imajin_pay_api::{CheckoutCreate, GoodsQuote, GoodsRef, GoodsSource, PayApi};
use imajin_testkit::{Backend, on_both};

use crate::world::{World, key, money};

on_both!(
    a_share_goes_up_the_chain_to_whom_the_source_names,
    a_source_that_is_missing_changed_or_there_twice_is_refused,
    what_no_share_leads_to_is_not_kept,
);

fn share(payee: Payee, millionths: u32) -> Contributor {
    Contributor::new(payee, "artist", Share::from_millionths(millionths).unwrap())
}

fn signed(world: &World, author: &str, contributors: Vec<Contributor>) -> Manifest {
    let mut manifest = Manifest::new(contributors).unwrap();
    let author = key(author);
    manifest.author = Some(author.did());
    manifest.sign(&author, author.did(), world.env.now()).unwrap()
}

fn source(manifest: &Manifest, accepted: &[&str]) -> GoodsSource {
    GoodsSource {
        manifest: manifest.clone(),
        accepted: accepted.iter().map(|name| key(name).did()).collect(),
    }
}

/// A song of Mira's that samples one of Jonas', which is itself made from one of Ada's: 70 % of 10.00 stay with Mira,
/// 30 % go up; of those half goes on to Ada, who has not accepted.
struct Song {
    own: Manifest,
    sources: Vec<GoodsSource>,
}

impl Song {
    fn of(world: &World) -> Self {
        let root = signed(world, "label", vec![share(Payee::Did(key("ada").did()), 1_000_000)]);
        let middle = signed(
            world,
            "jonas",
            vec![
                share(Payee::Did(key("jonas").did()), 500_000),
                share(Payee::Fair(root.id.clone()), 500_000),
            ],
        );
        let own = signed(
            world,
            "mira",
            vec![
                share(Payee::Did(key("mira").did()), 700_000),
                share(Payee::Fair(middle.id.clone()), 300_000),
            ],
        );
        let sources = vec![source(&middle, &[]), source(&root, &[])];
        Self { own, sources }
    }

    fn sold(&self, world: &World, sources: &[GoodsSource]) -> GoodsRef {
        world.seller.put(GoodsQuote {
            title: "A song".to_owned(),
            price: money("10.00 TEST-USD"),
            buyer: Some(key("buyer").did()),
            seller: key("mira").did(),
            manifest: self.own.clone(),
            accepted: Vec::new(),
            sources: sources.to_vec(),
            expires_at: world.env.now().plus(imajin_kernel::Span::minutes(15)),
        })
    }
}

async fn a_share_goes_up_the_chain_to_whom_the_source_names(backend: Backend) {
    let world = World::new(backend).await;
    let song = Song::of(&world);
    let checkout = world.checkout_of("buyer", &song.sold(&world, &song.sources)).await;
    world.pay_for(&checkout).await;
    assert_eq!(world.available("mira").await, "7.00 TEST-USD");
    assert_eq!(world.available("jonas").await, "1.50 TEST-USD");
    assert_eq!(world.balance(&key("ada").did(), "pending").await, "1.50 TEST-USD");
    let receipt = world.receipt("ada", checkout.id).await;
    let body = &receipt.message.payload;
    let [middle, root] = [&song.sources[0].manifest.id, &song.sources[1].manifest.id];
    let paths: Vec<Vec<_>> = body.legs.iter().map(|leg| leg.path.clone()).collect();
    assert_eq!(
        paths,
        [
            vec![song.own.id.clone()],
            vec![song.own.id.clone(), middle.clone()],
            vec![song.own.id.clone(), middle.clone(), root.clone()],
        ]
    );
    assert_eq!(
        body.legs.iter().map(|leg| leg.held).collect::<Vec<_>>(),
        [false, false, true]
    );
    world.audit_clean().await;
}

async fn a_source_that_is_missing_changed_or_there_twice_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let song = Song::of(&world);
    let [middle, root] = [&song.sources[0], &song.sources[1]];
    // Somebody gives himself Ada's part under the id of her work.
    let mut value = root.manifest.to_value();
    value["contributors"][0]["did"] = key("thief").did().to_string().into();
    let forged = Manifest::from_value(value).unwrap();
    let forged = source(&forged, &["thief"]);
    for (what, sources) in [
        ("missing", vec![middle.clone()]),
        ("changed", vec![middle.clone(), forged]),
        ("twice", vec![middle.clone(), root.clone(), root.clone()]),
    ] {
        let request = CheckoutCreate {
            goods: song.sold(&world, &sources),
            buyer: key("buyer").did(),
            success_url: "/".to_owned(),
            cancel_url: "/".to_owned(),
        };
        let problem = world.pay.checkout_create(request).await.unwrap_err();
        assert_eq!(problem.code, Code::Conflict, "{what}");
    }
    world.audit_clean().await;
}

async fn what_no_share_leads_to_is_not_kept(backend: Backend) {
    let world = World::new(backend).await;
    let song = Song::of(&world);
    let stranger = signed(&world, "zoe", vec![share(Payee::Did(key("zoe").did()), 1_000_000)]);
    let mut more = song.sources.clone();
    more.push(source(&stranger, &[]));
    for sources in [&song.sources, &more] {
        let checkout = world.checkout_of("buyer", &song.sold(&world, sources)).await;
        world.pay_for(&checkout).await;
    }
    let splits: Result<usize, imajin_store::StoreError> = world
        .db
        .write(|conn| Ok(imajin_store::tamper::rows(conn, "splits")?.len()))
        .await;
    assert_eq!(splits.unwrap(), 1, "both checkouts share one split");
    world.audit_clean().await;
}

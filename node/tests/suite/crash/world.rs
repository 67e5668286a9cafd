//! A node that is harmed, and the people who buy there meanwhile.

use std::sync::Arc;
use std::time::Duration;

use imajin_kernel::Env;
use imajin_node::data_dir::DataDir;
use imajin_rails::SandboxRail;
use tokio::task::JoinSet;

use super::books::{self, Books};
use super::shop::{Shop, Shopper};
use crate::support::{Buyer, Home, Node, imajin, text};

/// So many buy at a time.
const SHOPPERS: usize = 4;
/// After so many purchases somebody else comes: nobody's tickets are more than fit on one page.
const PURCHASES_MAX: usize = 20;
/// How long it may take until everything that was under way has ended.
const SETTLING: Duration = Duration::from_mins(1);

/// The node, its home and everybody who has an account there.
pub(super) struct World {
    // First, so that it is dropped before the folder that it writes to.
    node: Option<Node>,
    pub(super) home: Home,
    pub(super) shop: Arc<Shop>,
    listen: String,
    shoppers: Vec<Shopper>,
    retired: Vec<Shopper>,
    payees: Vec<Buyer>,
}

/// Buying that is under way.
pub(super) struct Load(JoinSet<Shopper>);

impl World {
    /// Starts a node with an event of three payees.
    pub(super) async fn open(home: Home) -> Self {
        let node = home.up(&[]);
        let names = ["seller.key", "artist.key", "venue.key"];
        let mut splits = Vec::new();
        for (name, share) in names.into_iter().zip(["0.333334", "0.333333", "0.333333"]) {
            let key = home.key(name);
            imajin(&["login", "--node", &node.url(), "--key", text(&key)]).expect_success();
            let did = Buyer::from_file(&node, &home, name).key.did();
            splits.push(format!("{did}={share}:artist"));
        }
        let (seller, url) = (home.path("seller.key"), node.url());
        let mut args = vec![
            "event",
            "create",
            "--node",
            &url,
            "--key",
            text(&seller),
            "--title",
            "Large hall",
        ];
        args.extend(["--starts", "2031-01-01T18:00:00Z", "--ends", "2031-01-01T20:00:00Z"]);
        args.extend(["--tier", "Seat=9.99:50000", "--publish"]);
        for split in &splits {
            args.extend(["--split", split]);
        }
        let event = imajin(&args).expect_success();
        let keyring = DataDir::open(&home.data()).unwrap().keyring_open().unwrap();
        let shop = Arc::new(Shop::new(event, SandboxRail::new(&keyring, Env::system(), "")));
        let payees = names.iter().map(|name| Buyer::from_file(&node, &home, name)).collect();
        let listen = node.url().trim_start_matches("http://").to_owned();
        let mut world = Self {
            home,
            shop,
            node: Some(node),
            listen,
            shoppers: Vec::new(),
            retired: Vec::new(),
            payees,
        };
        world.shoppers_renew().await;
        world
    }

    async fn shoppers_renew(&mut self) {
        let (tired, fresh): (Vec<_>, Vec<_>) = self
            .shoppers
            .drain(..)
            .partition(|shopper| shopper.purchases.len() >= PURCHASES_MAX);
        self.shoppers = fresh;
        self.retired.extend(tired);
        let node = self.node.as_ref().unwrap();
        while self.shoppers.len() < SHOPPERS {
            self.shoppers.push(Shopper::new(Buyer::registered(node).await));
        }
    }

    /// Everybody begins to buy.
    pub(super) async fn load_begin(&mut self) -> Load {
        self.shoppers_renew().await;
        self.shop.open();
        let mut buying = JoinSet::new();
        for shopper in self.shoppers.drain(..) {
            let shop = Arc::clone(&self.shop);
            buying.spawn(async move { shopper.shop(&shop).await });
        }
        Load(buying)
    }

    /// Everybody stops where they are.
    pub(super) async fn load_end(&mut self, mut load: Load) {
        self.shop.close();
        while let Some(shopper) = load.0.join_next().await {
            self.shoppers.push(shopper.unwrap());
        }
    }

    /// Waits for a moment that is neither too early nor always the same.
    pub(super) async fn moment(&self) {
        self.shop.steps_wait(1 + self.shop.dice.below(24)).await;
        tokio::time::sleep(Duration::from_micros(self.shop.dice.below(40_000))).await;
    }

    /// The running node; whoever takes it brings another one up.
    pub(super) fn node_take(&mut self) -> Node {
        self.node.take().unwrap()
    }

    /// Starts the node again, where it was.
    pub(super) fn up(&mut self) {
        self.node = Some(self.home.up(&["--listen", &self.listen]));
    }

    /// Lets everything end, compares what everybody was told with what everybody has, and checks the databases.
    pub(super) async fn close(mut self) -> Books {
        self.shop.open();
        let mut finishing = JoinSet::new();
        for shopper in self.shoppers.drain(..) {
            let shop = Arc::clone(&self.shop);
            finishing.spawn(async move { shopper.finish(&shop).await });
        }
        let finished = tokio::time::timeout(SETTLING, finishing.join_all()).await;
        let mut shoppers = finished.expect("a purchase does not end");
        shoppers.append(&mut self.retired);
        let books = books::balance(&self.shop, &mut shoppers, &self.payees).await;
        self.node_take().stop();
        self.home.verify_clean();
        books
    }
}

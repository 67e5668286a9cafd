//! Properties of streams: whatever the data, and in whatever pieces.

use imajin_mjn::{AnswerExpectation, AnswerSigner, StreamHead, StreamSigner, stream_sign};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

use crate::streams::close;
use crate::{NOW, key, receipt, signed};

fn config() -> Config {
    Config {
        cases: 120,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0x1a_5eed),
        ..Config::default()
    }
}

/// Lines of events: data, comments, and what resembles the last event without being one.
fn any_event() -> impl Strategy<Value = String> {
    let line = prop::sample::select(vec![
        "data: x",
        "data: event: mjn",
        " event: mjn",
        "event: mj",
        "event: mjn2",
        "event:mjn",
        ": c",
        "",
        "id: 1",
        "event: é",
    ]);
    prop::collection::vec(line, 0..4).prop_map(|lines| lines.concat() + "\n")
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_was_sent_is_what_is_read(
        events in prop::collection::vec(any_event(), 0..6),
        sent_in in 1_usize..9,
        read_in in 1_usize..9,
    ) {
        let (_, binding) = signed();
        let (did, secret) = (key(1).did(), key(1));
        let by = AnswerSigner { did: &did, key: &secret, now: NOW };
        let headers = stream_sign(&by, &binding, 200, Some(receipt())).unwrap();
        let data = events.concat();
        let mut signer = StreamSigner::new(&binding, 200);
        for piece in data.as_bytes().chunks(sent_in) {
            signer.push(piece);
        }
        let mut body = data.clone().into_bytes();
        body.extend(signer.end(&by, close()).unwrap());

        let expect = AnswerExpectation { from: &did, now: NOW };
        let keys = [secret.public()];
        let mut reader = StreamHead::verify(&keys, &binding, &expect, 200, &headers).unwrap().reader();
        let mut read = Vec::new();
        for piece in body.chunks(read_in) {
            read.extend(reader.push(piece).unwrap());
        }
        let read = String::from_utf8(read).unwrap();
        let added = read.strip_prefix(&data).unwrap();
        prop_assert!(added.bytes().all(|byte| byte == b'\n'));
        let end = reader.finish(&keys).unwrap().end;
        prop_assert_eq!(end.length, u64::try_from(read.len()).unwrap());
    }
}

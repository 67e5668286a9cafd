//! What people are told by mail, at the command line.

use imajin_testkit::Backend;
use serde_json::json;

use crate::support::{Home, imajin, text};

#[test]
fn whoever_wants_no_mail_says_so_and_the_operator_sees_what_was_not_sent() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&[]);
    let url = node.url();
    let (operator, ada) = (home.key("operator.key"), home.key("ada.key"));
    let run = |arguments: &[&str], key: &std::path::Path| {
        imajin(&[arguments, &["--node", &url, "--key", text(key)]].concat())
    };
    run(&["login", "--setup", &node.setup_token()], &operator).expect_success();
    run(&["login"], &ada).expect_success();

    let show = || run(&["notice", "show"], &ada).expect_success();
    assert_eq!(show(), json!({"mail": true, "mailboxes": 0}));
    for _twice in 0..2 {
        let off = run(&["notice", "off"], &ada).expect_success();
        assert_eq!(off["mail"], false);
    }
    assert_eq!(show()["mail"], false);
    assert_eq!(run(&["notice", "on"], &ada).expect_success()["mail"], true);

    let unsent = run(&["notice", "unsent"], &operator).expect_success();
    assert_eq!(unsent, json!({"notices": []}));
    let nosy = run(&["notice", "unsent"], &ada).refusal();
    assert_eq!(nosy["error"], "forbidden", "{nosy}");
    let unknown = "ntc_00000000000000000000000000";
    let missing = run(&["notice", "retry", unknown], &operator).refusal();
    assert_eq!(missing["error"], "not_found", "{missing}");
    let not_yours = run(&["notice", "retry", unknown], &ada).refusal();
    assert_eq!(not_yours["error"], "forbidden", "{not_yours}");
    let no_name = run(&["notice", "retry", "the last one"], &operator).refusal();
    assert_eq!(no_name["error"], "not_found", "{no_name}");
    node.stop();
    home.verify_clean();
}

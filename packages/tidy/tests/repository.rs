//! This repository obeys its own rules.
#![cfg(test)]

use imajin_tidy::{Complaint, Tree, decisions, evidence, golden, graph, manifest, migrations, ratchet, supply, text};

#[track_caller]
fn assert_none(complaints: &[Complaint]) {
    assert!(
        complaints.is_empty(),
        "{} complaints:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
}

fn tree() -> Tree {
    Tree::of_this_repository().unwrap()
}

#[test]
fn text_is_tidy() {
    assert_none(&text::check(&tree()));
}

#[test]
fn every_directory_of_crates_holds_a_crate_with_the_shared_settings() {
    assert_none(&manifest::check(&tree()).unwrap());
}

#[test]
fn every_decision_is_listed() {
    assert_none(&decisions::check(&tree()));
}

#[test]
fn what_the_security_page_names_is_tested() {
    let tree = tree();
    assert_none(&evidence::check(&tree));
    assert!(
        evidence::count(&tree) >= 50,
        "the page names {} tests",
        evidence::count(&tree)
    );
}

#[test]
fn both_databases_have_the_same_migrations() {
    assert_none(&migrations::check(&tree()).unwrap());
}

#[test]
fn the_dependency_graph_obeys_the_architecture() {
    let crates = graph::read(tree().root()).unwrap();
    assert_none(&graph::check(&crates));
}

#[test]
fn the_dependency_graph_is_the_one_we_agreed_to() {
    let tree = tree();
    let text = graph::render(&graph::read(tree.root()).unwrap());
    let complaint = golden::compare(tree.root(), graph::FILE, &text, golden::is_blessing()).unwrap();
    assert_none(complaint.as_slice());
}

#[test]
fn sql_as_text_stays_in_the_store() {
    assert_none(&ratchet::check_sql_home(&tree()));
}

#[test]
fn the_numbers_that_may_only_shrink_have_not_grown() {
    let tree = tree();
    let mut counts = ratchet::counts(&tree);
    let duplicates = supply::Supply::read(tree.root()).unwrap().duplicates();
    counts.insert("duplicate-libraries".to_owned(), duplicates.len());
    let complaints = ratchet::check(&tree, &counts, golden::is_blessing()).unwrap();
    assert!(
        complaints.is_empty(),
        "{}\nLibraries in several versions: {duplicates:?}",
        complaints.join("\n")
    );
}

#[test]
fn libraries_have_licences_and_sources_that_we_accept() {
    let tree = tree();
    assert_none(&supply::Supply::read(tree.root()).unwrap().check(tree.root()).unwrap());
}

use axum::extract::State;
use axum::response::Response;
use imajin_kernel::Problem;
use imajin_registry_api::{BuildStanding, BuildView, Console, ConsoleFetch, NodeView, ReleaseKeyView, UnpublishedName};
use imajin_ui::{Act, ActField, ActForm, Block, Cell, Figure, MoneyPage, Table, render};
use imajin_web::Failure;
use serde_json::json;

use crate::AppState;
use crate::person::Operator;
use crate::show::{did_short, moment};

const PATH: &str = "/operator/registry";
const ORDERS: &str = "/registry/api/operator";

/// `/operator/registry`: what the registry of this node gives out, to whom, and what is to be done about it.
pub(super) async fn console(State(www): State<AppState>, Operator(person): Operator) -> Result<Response, Failure> {
    let registry = www.deps.registry.as_ref();
    let registry = registry.ok_or_else(|| Problem::not_found("registry"))?;
    let console = registry.console_fetch(ConsoleFetch {}).await?;
    let lead = if console.is_served {
        format!("Names beneath {}, and who has them.", console.zone)
    } else {
        format!(
            "Names beneath {} are given out, and nobody publishes them.",
            console.zone
        )
    };
    Ok(render(&MoneyPage {
        shell: www.frame("Registry", PATH, Some(&person.0)),
        title: "Registry".to_owned(),
        lead,
        tabs: [("/operator", "Operator"), (PATH, "Registry"), ("/directory", "Nodes")]
            .map(|(href, name)| (href.to_owned(), name.to_owned()))
            .into(),
        blocks: blocks(&console),
    }))
}

fn blocks(console: &Console) -> Vec<Block> {
    let mut blocks = vec![figures(console)];
    if let Some(trouble) = &console.directory {
        blocks.push(Block::Notice("warn", trouble.text()));
    }
    if let Some(held) = console.held {
        let text = format!(
            "No name leaves DNS: {} of {} nodes fell silent together, so the network of this registry is the suspect. \
             If they really are gone, say so.",
            held.silent_together, held.named
        );
        blocks.push(Block::Notice("warn", text));
        blocks.push(Block::Acts(vec![act("They are gone", "names/sweep")]));
    }
    blocks.push(unpublished_table(&console.unpublished));
    blocks.push(Block::Acts(vec![
        act("Try them now", "names/retry"),
        act("Publish every name again", "names/republish"),
    ]));
    blocks.push(builds_table(&console.builds));
    blocks.push(rule_form("approve", "Approve a build", "approved"));
    blocks.push(rule_form("deprecate", "Deprecate a build", "deprecated"));
    blocks.push(keys_table(&console.release_keys));
    blocks.push(form(
        "key-add",
        "Trust a release key",
        "release-keys",
        &json!({}),
        vec![
            field("publicKey", "Multikey (z6Mk…)"),
            field("name", "Whose it is, in one word"),
        ],
    ));
    blocks.push(form(
        "key-retire",
        "Trust a release key no more",
        "release-keys/retire",
        &json!({}),
        vec![
            field("publicKey", "Multikey (z6Mk…)"),
            field("reason", "Why; anybody may read it"),
        ],
    ));
    blocks.push(revoked_table(&console.revoked));
    blocks.push(form(
        "revoke",
        "Take a node off",
        "nodes/revoke",
        &json!({}),
        vec![
            field("nodeId", "DID of the node"),
            field("reason", "Why; anybody may read it"),
        ],
    ));
    blocks
}

fn figures(console: &Console) -> Block {
    let figure = |value: i64, label: &str, tone| Figure {
        value: value.to_string(),
        label: label.to_owned(),
        href: String::new(),
        tone,
    };
    let count = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
    let unpublished = console.unpublished_total;
    Block::Figures(vec![
        figure(
            unpublished,
            "names not in DNS yet",
            if unpublished > 0 { "warn" } else { "good" },
        ),
        figure(count(console.builds.len()), "builds", "calm"),
        figure(count(console.revoked.len()), "nodes taken off", "calm"),
    ])
}

fn act(label: &str, path: &str) -> Act {
    Act {
        label: label.to_owned(),
        path: format!("{ORDERS}/{path}"),
        body: "{}".to_owned(),
    }
}

fn field(name: &str, label: &str) -> ActField {
    ActField {
        name: name.to_owned(),
        label: label.to_owned(),
        ..ActField::default()
    }
}

fn form(id: &str, title: &str, path: &str, body: &serde_json::Value, fields: Vec<ActField>) -> Block {
    Block::Form(ActForm {
        id: id.to_owned(),
        title: title.to_owned(),
        label: title.to_owned(),
        path: format!("{ORDERS}/{path}"),
        body: body.to_string(),
        fields,
    })
}

fn rule_form(id: &str, title: &str, standing: &str) -> Block {
    let mut fields = vec![
        field("buildHash", "SHA-256 of the binary"),
        field("reason", "Why; anybody may read it"),
    ];
    if standing == "deprecated" {
        fields.push(ActField {
            is_optional: true,
            ..field("targetVersion", "What to run instead")
        });
    }
    form(id, title, "builds", &json!({"standing": standing}), fields)
}

fn table(id: &str, title: &str, columns: &[&str], rows: Vec<Vec<Cell>>, empty: &str) -> Block {
    Block::Table(Table {
        id: id.to_owned(),
        title: title.to_owned(),
        columns: columns.iter().map(|column| (*column).to_owned()).collect(),
        rows,
        empty: empty.to_owned(),
        next: String::new(),
    })
}

fn unpublished_table(names: &[UnpublishedName]) -> Block {
    let row = |name: &UnpublishedName| {
        let wanted = if name.is_withdrawn { "to go" } else { "to be there" };
        let error = name.last_error.clone();
        vec![
            Cell::text(name.name.clone()).fine(did_short(&name.node_id)),
            Cell::text(wanted),
            Cell::text(moment(name.since).text),
            Cell::text(error.unwrap_or_else(|| "waits for its turn".to_owned())),
        ]
    };
    let rows = names.iter().map(row).collect();
    let columns = ["Name", "Wanted", "Since", "Why not"];
    table(
        "names",
        "Names not in DNS yet",
        &columns,
        rows,
        "DNS has what it should have.",
    )
}

fn builds_table(builds: &[BuildView]) -> Block {
    let row = |build: &BuildView| {
        let (standing, tone) = match build.standing {
            Some(BuildStanding::Approved) => ("approved", "good"),
            Some(BuildStanding::Deprecated) => ("deprecated", "warn"),
            None if build.status == "verified" => ("verified", "good"),
            None => ("reported", "calm"),
        };
        let short: String = build.build_hash.chars().take(16).collect();
        vec![
            Cell {
                is_mono: true,
                ..Cell::text(format!("{short}…"))
            },
            Cell::text(build.version.clone()),
            Cell::tag(standing, tone).fine(build.standing_reason.clone().unwrap_or_default()),
            Cell::number(build.nodes.to_string()),
        ]
    };
    let rows = builds.iter().map(row).collect();
    let columns = ["Build", "Version", "Standing", "#Nodes"];
    table("builds", "Builds", &columns, rows, "No node reports a build yet.")
}

fn keys_table(keys: &[ReleaseKeyView]) -> Block {
    let row = |key: &ReleaseKeyView| {
        let (text, tone) = if key.retired_at.is_some() {
            ("retired", "calm")
        } else {
            ("trusted", "good")
        };
        vec![
            Cell::text(key.name.clone()),
            Cell::tag(text, tone).fine(key.retired_reason.clone().unwrap_or_default()),
            Cell {
                is_mono: true,
                ..Cell::text(key.public_key.to_string())
            },
        ]
    };
    let rows = keys.iter().map(row).collect();
    let empty = "None is trusted: no build is more than reported.";
    table(
        "release-keys",
        "Release keys",
        &["Whose", "Standing", "Key"],
        rows,
        empty,
    )
}

fn revoked_table(nodes: &[NodeView]) -> Block {
    let row = |node: &NodeView| {
        let back = Act {
            body: json!({"nodeId": node.node_id}).to_string(),
            ..act("Take it back", "nodes/reinstate")
        };
        vec![
            Cell {
                href: format!("/directory/{}", node.node_id),
                ..Cell::text(node.hostname.clone())
            },
            Cell::text(node.revoked_reason.clone().unwrap_or_default()),
            Cell {
                act: Some(back),
                ..Cell::default()
            },
        ]
    };
    let rows = nodes.iter().map(row).collect();
    table(
        "revoked",
        "Nodes that were taken off",
        &["Node", "Why", "Undo"],
        rows,
        "None.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::console_sample;

    #[test]
    fn what_is_wrong_comes_first_and_what_is_right_is_not_mentioned() {
        let held = console_sample();
        let blocks_held = blocks(&held);
        assert!(matches!(blocks_held.get(1), Some(Block::Notice("warn", _))));
        let calm = Console {
            held: None,
            directory: None,
            ..held
        };
        let blocks_calm = blocks(&calm);
        assert!(!blocks_calm.iter().any(|block| matches!(block, Block::Notice(..))));
        assert_eq!(blocks_held.len(), blocks_calm.len() + 3);
    }
}

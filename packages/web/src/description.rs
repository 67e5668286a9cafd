use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use utoipa::openapi::{Info, OpenApi};

/// The description of an API (OpenAPI 3.1), as it is sent.
///
/// The text is kept and not the objects that it is made from: those take ten times the memory, for a document that is
/// asked for now and then.
#[derive(Debug, Clone)]
pub struct Description(Bytes);

impl Description {
    /// Writes a description down, with a title and the version of the program.
    pub fn new(title: &str, mut document: OpenApi) -> Self {
        document.info = Info::new(title, env!("CARGO_PKG_VERSION"));
        Self::written(&document)
    }

    /// Puts the descriptions of several services side by side: paths with the service's name before them, operations
    /// tagged with it. A schema that two services name alike is the one of the first; the service's own description
    /// has its own.
    pub fn union(title: &str, parts: &[(&'static str, Self)]) -> Self {
        let (mut paths, mut components) = (Map::new(), Map::new());
        for (service, part) in parts {
            let document: Value = serde_json::from_slice(&part.0).unwrap_or_default();
            for (path, mut item) in members(&document, "paths") {
                for operation in item.as_object_mut().into_iter().flat_map(Map::values_mut) {
                    operation_tag(operation, service);
                }
                paths.insert(format!("/{service}{path}"), item);
            }
            for (kind, named) in members(&document, "components") {
                let all = components.entry(kind).or_insert_with(|| json!({}));
                if let (Some(all), Value::Object(named)) = (all.as_object_mut(), named) {
                    for (name, component) in named {
                        all.entry(name).or_insert(component);
                    }
                }
            }
        }
        let info = json!({"title": title, "version": env!("CARGO_PKG_VERSION")});
        Self::written(&json!({"openapi": "3.1.0", "info": info, "paths": paths, "components": components}))
    }

    fn written(document: &impl serde::Serialize) -> Self {
        let text = serde_json::to_vec(document).unwrap_or_else(|error| {
            tracing::error!(%error, "the description of an API cannot be written");
            b"{}".to_vec()
        });
        Self(text.into())
    }
}

impl IntoResponse for Description {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "application/json")], self.0).into_response()
    }
}

fn members(document: &Value, name: &str) -> Map<String, Value> {
    document
        .get(name)
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default()
}

/// An item of a path also holds members that are no operations: those have no tags.
fn operation_tag(operation: &mut Value, service: &str) {
    let Some(operation) = operation.as_object_mut().filter(|it| it.contains_key("responses")) else {
        return;
    };
    let tags = operation
        .get("tags")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let own = tags
        .iter()
        .filter_map(Value::as_str)
        .map(|tag| json!(format!("{service}: {tag}")));
    let all: Vec<Value> = std::iter::once(json!(service)).chain(own).collect();
    operation.insert("tags".to_owned(), Value::Array(all));
}

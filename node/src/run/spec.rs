//! One description of all services that run in this process.

use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

use crate::config::ServiceName;

/// Puts the descriptions side by side: paths with their service's prefix, operations tagged with its name, and schemas
/// named after it, because two services may use one name for different things.
pub(super) fn union(parts: &[(ServiceName, OpenApi)]) -> Result<OpenApi, serde_json::Error> {
    let (mut paths, mut schemas, mut tags) = (Map::new(), Map::new(), Vec::new());
    for (service, part) in parts {
        let text = serde_json::to_string(part)?;
        let text = text.replace("#/components/schemas/", &format!("#/components/schemas/{service}."));
        let mut part: Value = serde_json::from_str(&text)?;
        let title = part.pointer("/info/title").cloned().unwrap_or_default();
        tags.push(json!({"name": service.as_str(), "description": title}));
        for (path, mut item) in members(part.pointer_mut("/paths")) {
            operations_tag(&mut item, *service);
            paths.insert(format!("/{service}{path}"), item);
        }
        for (name, schema) in members(part.pointer_mut("/components/schemas")) {
            schemas.insert(format!("{service}.{name}"), schema);
        }
    }
    serde_json::from_value(json!({
        "openapi": "3.1.0",
        "info": {"title": "The node", "version": env!("CARGO_PKG_VERSION")},
        "paths": paths,
        "components": {"schemas": schemas},
        "tags": tags,
    }))
}

fn members(value: Option<&mut Value>) -> Map<String, Value> {
    match value.map(Value::take) {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

fn operations_tag(item: &mut Value, service: ServiceName) {
    let operations = item.as_object_mut().into_iter().flat_map(|item| item.values_mut());
    for operation in operations.filter_map(Value::as_object_mut) {
        let tags = operation
            .get("tags")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let own = tags
            .iter()
            .filter_map(Value::as_str)
            .map(|tag| json!(format!("{service}: {tag}")));
        let all: Vec<Value> = std::iter::once(json!(service.as_str())).chain(own).collect();
        operation.insert("tags".to_owned(), Value::Array(all));
    }
}

//! One description of all services that run in this process.

use utoipa::openapi::path::PathItem;
use utoipa::openapi::{Info, OpenApi};

use crate::config::ServiceName;

/// Puts the descriptions side by side: paths with their service's prefix, operations tagged with its name. A schema
/// that two services name alike is the one of the first; the description of a service has its own.
pub(super) fn union(parts: Vec<(ServiceName, OpenApi)>) -> OpenApi {
    let mut all = OpenApi::default();
    for (service, mut part) in parts {
        for item in part.paths.paths.values_mut() {
            operations_tag(item, service);
        }
        all = all.nest(format!("/{service}"), part);
    }
    all.info = Info::new("The node", env!("CARGO_PKG_VERSION"));
    all
}

fn operations_tag(item: &mut PathItem, service: ServiceName) {
    let operations = [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.options,
        &mut item.head,
        &mut item.patch,
        &mut item.trace,
    ];
    for operation in operations.into_iter().flatten() {
        let tags = operation.tags.take().unwrap_or_default();
        let own = tags.iter().map(|tag| format!("{service}: {tag}"));
        operation.tags = Some(std::iter::once(service.to_string()).chain(own).collect());
    }
}

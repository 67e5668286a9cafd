//! The signature base: the text that is signed (RFC 9421, section 2.5).

use super::component::{Component, Source};
use crate::ProofError;

/// The base of a message: one line for each component, then the serialized signature parameters.
pub(super) fn signature_base(
    source: &dyn Source,
    components: &[Component],
    params: &str,
) -> Result<String, ProofError> {
    let mut base = String::with_capacity(512);
    for component in components {
        base.push_str(component.identifier());
        base.push_str(": ");
        base.push_str(&component.value(source)?);
        base.push('\n');
    }
    base.push_str("\"@signature-params\": ");
    base.push_str(params);
    Ok(base)
}

/// The name and value of each line of a base that [`signature_base`] made, the parameters last.
pub(super) fn lines_of(base: &str) -> Option<Vec<(&str, &str)>> {
    base.lines()
        .map(|line| line.strip_prefix('"')?.split_once("\": "))
        .collect()
}

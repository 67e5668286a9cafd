//! Lower-case hexadecimal of a fixed length: one text for one value.

/// The text is not lower-case hexadecimal of the expected length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {digits} lower-case hexadecimal digits")]
pub struct HexError {
    digits: usize,
}

/// `N` bytes from `2 N` lower-case digits.
pub(crate) fn decode<const N: usize>(text: &str) -> Result<[u8; N], HexError> {
    let error = HexError {
        digits: N.saturating_mul(2),
    };
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(error);
    }
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).or(Err(error))?;
    Ok(bytes)
}

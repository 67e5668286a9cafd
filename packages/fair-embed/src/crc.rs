//! The two checksums of the containers, a byte at a time: what is summed here is a block, never a file.

/// CRC-32 as PNG and ZIP have it (ISO 3309: reflected polynomial 0xEDB88320).
pub(crate) fn crc32(parts: &[&[u8]]) -> u32 {
    let mut sum = u32::MAX;
    for byte in parts.iter().copied().flatten() {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            let carry = sum & 1;
            sum >>= 1;
            if carry == 1 {
                sum ^= 0xEDB8_8320;
            }
        }
    }
    !sum
}

/// The checksum of an Ogg page (RFC 3533, section 6: polynomial 0x04C11DB7, not reflected, from zero).
pub(crate) fn crc32_ogg(page: &[u8]) -> u32 {
    let mut sum = 0_u32;
    for byte in page {
        sum ^= u32::from(*byte) << 24;
        for _ in 0..8 {
            let carry = sum >> 31;
            sum <<= 1;
            if carry == 1 {
                sum ^= 0x04C1_1DB7;
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksums_are_those_of_the_catalogue() {
        assert_eq!(crc32(&[b"1234", b"56789"]), 0xCBF4_3926);
        assert_eq!(crc32_ogg(b"123456789"), 0x89A1_897F);
    }
}

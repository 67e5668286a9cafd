//! QR codes as SVG.

use askama::Template;
use qrcode::types::{Color, QrError};
use qrcode::{EcLevel, QrCode};

/// White border that scanners need, in modules (ISO/IEC 18004 asks for four).
const QUIET_ZONE_MODULES: usize = 4;

#[derive(Template)]
#[template(path = "part/qr.svg.html")]
struct QrPicture {
    size: usize,
    path: String,
}

/// `text` as a QR code at error correction level M: an `<svg>` element to put into a page.
///
/// Upper-case letters, digits and ` $%*+-./:` are stored in the alphanumeric mode, 5.5 bits a character. The code is
/// always dark on light, whatever the page's colours: many scanners do not read an inverted one.
///
/// # Errors
/// When the text is longer than the largest QR code holds.
pub fn qr_svg(text: &str) -> Result<String, QrError> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M)?;
    let width = code.width();
    let colors = code.to_colors();
    let mut path = String::new();
    for (y, row) in colors.chunks(width.max(1)).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|left, right| left == right) {
            if run.first() == Some(&Color::Dark) {
                let (left, top, length) = (x + QUIET_ZONE_MODULES, y + QUIET_ZONE_MODULES, run.len());
                path.extend([format!("M{left} {top}h{length}v1h-{length}z")]);
            }
            x += run.len();
        }
    }
    let picture = QrPicture {
        size: width + 2 * QUIET_ZONE_MODULES,
        path,
    };
    picture.render().or(Err(QrError::DataTooLong))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_fits_a_version_8_code() {
        // The longest ticket text: `IMJ1` and 120 bytes in Base32.
        let text = format!("IMJ1{}", "A7".repeat(96));
        let svg = qr_svg(&text).unwrap();
        // Version 8 has 49 modules, plus the border on both sides.
        assert!(svg.contains("viewBox=\"0 0 57 57\""), "{}", svg.get(..200).unwrap());
    }

    #[test]
    fn too_long_a_text_is_refused() {
        assert!(qr_svg(&"A".repeat(5000)).is_err());
    }
}

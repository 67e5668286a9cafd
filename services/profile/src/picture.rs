//! Pictures of strangers: decoded within bounds, and written anew.
//!
//! What comes out holds pixels and nothing else: no EXIF with the place of a photo, no text, no second file behind the
//! picture. What is refused is refused before it costs anything: the kind by its first bytes, the size by its header.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};
use imajin_kernel::Code;
use imajin_proof::digest::sha256_hex;

/// The side of the large picture, in pixels.
pub const LARGE_SIDE: u32 = 256;
/// The side of the small picture, in pixels.
pub const SMALL_SIDE: u32 = 64;

/// The largest file.
pub(crate) const FILE_BYTES_MAX: usize = 5 * 1024 * 1024;
/// The largest width and the largest height.
const SIDE_MAX: u32 = 8192;
/// The most pixels: a photo of 16 megapixels.
const PIXELS_MAX: u64 = 16 * 1024 * 1024;
/// What decoding may take: four bytes for each pixel.
const DECODED_BYTES_MAX: u64 = 4 * PIXELS_MAX;
/// From 0 to 100; above this, a file grows and nobody sees it.
const JPEG_QUALITY: u8 = 85;

pub(crate) const FORMATS_HINT: &str =
    "Send a PNG, JPEG or WebP file. Other kinds, such as SVG, are not taken: they can hold scripts.";

/// A picture in its two sizes, JPEG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pictures {
    /// SHA-256 of the large one, hex.
    pub hash: String,
    /// [`LARGE_SIDE`] pixels wide and high.
    pub large: Vec<u8>,
    /// [`SMALL_SIDE`] pixels wide and high.
    pub small: Vec<u8>,
}

/// Why a picture is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// More bytes than allowed.
    #[error("The picture has {0} bytes; at most 5 MiB are taken.")]
    FileTooLarge(usize),
    /// No PNG, JPEG or WebP, whatever it is called.
    #[error("This is no picture of a kind that is taken.")]
    Unsupported,
    /// More pixels than allowed.
    #[error("The picture has {width} × {height} pixels; at most 16 megapixels and 8192 on a side are taken.")]
    TooManyPixels {
        /// Pixels from left to right.
        width: u32,
        /// Pixels from top to bottom.
        height: u32,
    },
    /// It begins like a picture and is none, or it needs too much memory.
    #[error("The picture is damaged and cannot be read.")]
    Damaged,
}

impl PictureError {
    /// The closed code for the wire.
    pub const fn code(self) -> Code {
        match self {
            Self::FileTooLarge(_) => Code::BodyTooLarge,
            Self::Unsupported => Code::UnsupportedMediaType,
            Self::TooManyPixels { .. } | Self::Damaged => Code::InvalidRequest,
        }
    }
}

/// Decodes a file and writes its middle square anew in both sizes. Takes a moment of a processor: not for a thread that
/// answers requests.
///
/// # Errors
/// What is wrong with the file; see [`PictureError`].
pub fn picture_read(file: &[u8]) -> Result<Pictures, PictureError> {
    if file.len() > FILE_BYTES_MAX {
        return Err(PictureError::FileTooLarge(file.len()));
    }
    let (image, orientation) = decode(file, format_of(file)?)?;
    let large = square(image, orientation);
    let small = large.resize_exact(SMALL_SIDE, SMALL_SIDE, FilterType::CatmullRom);
    let large = encode(&large)?;
    Ok(Pictures {
        hash: sha256_hex(&large),
        large,
        small: encode(&small)?,
    })
}

/// By the first bytes, never by a name or a header that somebody has written.
fn format_of(file: &[u8]) -> Result<ImageFormat, PictureError> {
    match image::guess_format(file) {
        Ok(format @ (ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP)) => Ok(format),
        _ => Err(PictureError::Unsupported),
    }
}

fn decode(file: &[u8], format: ImageFormat) -> Result<(DynamicImage, Orientation), PictureError> {
    let damaged = |_error| PictureError::Damaged;
    let mut reader = ImageReader::with_format(Cursor::new(file), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODED_BYTES_MAX);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width).saturating_mul(u64::from(height));
    if width > SIDE_MAX || height > SIDE_MAX || pixels > PIXELS_MAX {
        return Err(PictureError::TooManyPixels { width, height });
    }
    if width == 0 || height == 0 || decoder.total_bytes() > DECODED_BYTES_MAX {
        return Err(PictureError::Damaged);
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok((DynamicImage::from_decoder(decoder).map_err(damaged)?, orientation))
}

/// The middle square, [`LARGE_SIDE`] pixels wide, turned as the camera was held, on white.
fn square(image: DynamicImage, orientation: Orientation) -> DynamicImage {
    let (width, height) = (image.width(), image.height());
    // First smaller by a quick method, to twice the size: a good method on 16 megapixels takes seconds.
    let target = LARGE_SIDE.saturating_mul(2);
    let short = width.min(height);
    let mut image = if short > target {
        let scaled = |side: u32| {
            let exact = u64::from(side).saturating_mul(u64::from(target)) / u64::from(short);
            u32::try_from(exact).unwrap_or(target).max(target)
        };
        image.thumbnail_exact(scaled(width), scaled(height))
    } else {
        image
    };
    image.apply_orientation(orientation);
    let side = image.width().min(image.height());
    let (x, y) = ((image.width() - side) / 2, (image.height() - side) / 2);
    let image = image.crop_imm(x, y, side, side);
    let image = image.resize_exact(LARGE_SIDE, LARGE_SIDE, FilterType::CatmullRom);
    DynamicImage::ImageRgb8(on_white(&image))
}

/// JPEG knows no transparency: what shines through is paper.
fn on_white(image: &DynamicImage) -> RgbImage {
    let rgba = image.to_rgba8();
    let mut flat = RgbImage::new(rgba.width(), rgba.height());
    for (from, to) in rgba.pixels().zip(flat.pixels_mut()) {
        let [red, green, blue, alpha] = from.0;
        to.0 = [red, green, blue].map(|value| blend(value, alpha));
    }
    flat
}

fn blend(value: u8, alpha: u8) -> u8 {
    let (value, alpha) = (u32::from(value), u32::from(alpha));
    let sum = value * alpha + 255 * (255 - alpha);
    u8::try_from((sum + 127) / 255).unwrap_or(u8::MAX)
}

fn encode(image: &DynamicImage) -> Result<Vec<u8>, PictureError> {
    let mut bytes = Vec::with_capacity(16 * 1024);
    JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY)
        .encode_image(image)
        .map_err(|_error| PictureError::Damaged)?;
    Ok(bytes)
}

//! Files of strangers, as bytes: nothing of them gets through but pixels, and nothing in them breaks the reader.

use image::{ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use imajin_profile::{LARGE_SIDE, PictureError, SMALL_SIDE, picture_read};

use crate::world::picture;

/// A JPEG, taken with the camera on its side, that tells where.
pub(crate) fn photo_with_place(width: u32, height: u32) -> Vec<u8> {
    let jpeg = picture(ImageFormat::Jpeg, width, height);
    exif_insert(&jpeg, 6)
}

/// Puts an EXIF segment behind the start mark: an orientation, and a place.
fn exif_insert(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    exif.extend(b"GPS 52.5200N 13.4050E");
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, &exif, &jpeg[2..]].concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| {
        if crc & 1 == 1 {
            (crc >> 1) ^ 0xedb8_8320
        } else {
            crc >> 1
        }
    };
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _bit| step(crc))
    })
}

/// A PNG of a few bytes that says it has 30,000 × 30,000 pixels.
pub(crate) fn bomb() -> Vec<u8> {
    let mut png = picture(ImageFormat::Png, 1, 1);
    png[16..20].copy_from_slice(&30_000_u32.to_be_bytes());
    png[20..24].copy_from_slice(&30_000_u32.to_be_bytes());
    let crc = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&crc.to_be_bytes());
    png
}

#[test]
fn both_sizes_are_square_whatever_came_in() {
    for (width, height) in [(1, 1), (3, 900), (256, 256), (1200, 700), (513, 514)] {
        let pictures = picture_read(&picture(ImageFormat::Png, width, height)).unwrap();
        for (bytes, side) in [(&pictures.large, LARGE_SIDE), (&pictures.small, SMALL_SIDE)] {
            let read = image::load_from_memory_with_format(bytes, ImageFormat::Jpeg).unwrap();
            assert_eq!((read.width(), read.height()), (side, side), "{width} × {height}");
        }
        assert_eq!(
            pictures,
            picture_read(&picture(ImageFormat::Png, width, height)).unwrap()
        );
    }
}

#[test]
fn a_photo_stands_upright_and_forgets_where_it_was_taken() {
    // Left half red, right half blue; orientation 6: the left edge is on top when it is shown.
    let half = |x, _y| if x < 50 { Rgb([220, 20, 20]) } else { Rgb([20, 20, 220]) };
    let mut jpeg = std::io::Cursor::new(Vec::new());
    RgbImage::from_fn(100, 100, half)
        .write_to(&mut jpeg, ImageFormat::Jpeg)
        .unwrap();
    let pictures = picture_read(&exif_insert(&jpeg.into_inner(), 6)).unwrap();
    let upright = image::load_from_memory(&pictures.large).unwrap().to_rgb8();
    let (top, bottom) = (upright.get_pixel(128, 20), upright.get_pixel(128, 236));
    assert!(top[0] > 150 && top[2] < 100, "red on top: {top:?}");
    assert!(bottom[2] > 150 && bottom[0] < 100, "blue below: {bottom:?}");
    for secret in [b"GPS ".as_slice(), b"Exif", b"52.5200N"] {
        assert!(!pictures.large.windows(secret.len()).any(|window| window == secret));
    }
}

#[test]
fn what_shines_through_is_white() {
    let mut png = std::io::Cursor::new(Vec::new());
    let clear = RgbaImage::from_pixel(64, 64, Rgba([0, 0, 0, 0]));
    clear.write_to(&mut png, ImageFormat::Png).unwrap();
    let pictures = picture_read(&png.into_inner()).unwrap();
    let pixel = *image::load_from_memory(&pictures.small)
        .unwrap()
        .to_rgb8()
        .get_pixel(32, 32);
    assert!(pixel.0.iter().all(|value| *value > 250), "{pixel:?}");
}

#[test]
fn what_is_too_large_is_refused_before_it_is_decoded() {
    assert_eq!(
        picture_read(&bomb()),
        Err(PictureError::TooManyPixels {
            width: 30_000,
            height: 30_000
        })
    );
    assert_eq!(
        picture_read(&vec![0; 5 * 1024 * 1024 + 1]),
        Err(PictureError::FileTooLarge(5 * 1024 * 1024 + 1))
    );
    // A WebP of the extended form that says it has 16,384 × 16,384 pixels.
    let webp = b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\x3f\0\xff\x3f\0";
    assert!(picture_read(webp).is_err());
    let wide = picture(ImageFormat::Png, 8193, 1);
    assert!(matches!(picture_read(&wide), Err(PictureError::TooManyPixels { .. })));
}

#[test]
fn other_formats_are_refused_by_their_first_bytes() {
    let others: [&[u8]; 8] = [
        b"",
        b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
        b"<?xml version=\"1.0\"?><svg/>",
        b"GIF89a\x01\0\x01\0\0\0\0;",
        b"BM\x3a\0\0\0\0\0\0\0\x36\0\0\0",
        b"II*\0\x08\0\0\0",
        b"\0\0\0\x1cftypavif\0\0\0\0",
        b"%PDF-1.7",
    ];
    for other in others {
        assert_eq!(picture_read(other), Err(PictureError::Unsupported), "{other:?}");
    }
}

/// Repeats: the same numbers in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides.max(1)
    }
}

#[test]
fn no_damaged_file_breaks_the_reader() {
    let mut dice = Dice(7);
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
        let whole = exif_or_plain(format);
        for cut in 0..whole.len() {
            let _refused_or_read = picture_read(&whole[..cut]);
        }
        for _round in 0..400 {
            let mut file = whole.clone();
            for _change in 0..=dice.roll(4) {
                let place = dice.roll(file.len());
                match dice.roll(4) {
                    0 => file[place] ^= 1 << dice.roll(8),
                    1 => file[place] = [0, 0xff, 0x7f, 0x80][dice.roll(4)],
                    2 => file.truncate(place.max(12)),
                    _ => {
                        let other = dice.roll(file.len());
                        file.swap(place, other);
                    }
                }
            }
            let _refused_or_read = picture_read(&file);
        }
    }
}

fn exif_or_plain(format: ImageFormat) -> Vec<u8> {
    match format {
        ImageFormat::Jpeg => photo_with_place(24, 16),
        other => picture(other, 24, 16),
    }
}

use crate::Format;
use crate::name::Name;

/// The media type of a file of this format and name, as far as they tell; `application/octet-stream` otherwise.
pub fn media_type(format: Option<Format>, file_name: &str) -> &'static str {
    let name = Name::new(file_name);
    match (format, name.extension()) {
        (Some(Format::Jpeg), _) => "image/jpeg",
        (Some(Format::Png), _) => "image/png",
        (Some(Format::Webp), _) => "image/webp",
        (Some(Format::Svg), _) => "image/svg+xml",
        (Some(Format::Pdf), _) => "application/pdf",
        (Some(Format::Mp3), _) => "audio/mpeg",
        (Some(Format::Mp4), "mov") => "video/quicktime",
        (Some(Format::Mp4), "m4a" | "m4b") => "audio/mp4",
        (Some(Format::Mp4), "heic" | "heif") => "image/heic",
        (Some(Format::Mp4), "avif") => "image/avif",
        (Some(Format::Mp4), _) => "video/mp4",
        (Some(Format::Html), "xhtml") => "application/xhtml+xml",
        (Some(Format::Html), _) => "text/html",
        (Some(Format::Text), "txt" | "text") => "text/plain",
        (Some(Format::Text), _) => "text/markdown",
        (Some(Format::Flac), _) => "audio/flac",
        (Some(Format::Ogg), "ogv") => "video/ogg",
        (Some(Format::Ogg), _) => "audio/ogg",
        (Some(Format::Zip), "epub") => "application/epub+zip",
        (Some(Format::Zip), "docx") => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        (Some(Format::Zip), "xlsx") => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        (Some(Format::Zip), "pptx") => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        (Some(Format::Zip), "odt") => "application/vnd.oasis.opendocument.text",
        (Some(Format::Zip), _) => "application/zip",
        (None, "json") => "application/json",
        (None, "xml") => "application/xml",
        (None, "csv") => "text/csv",
        (None, "wav") => "audio/wav",
        (None, "gif") => "image/gif",
        (None, _) => "application/octet-stream",
    }
}

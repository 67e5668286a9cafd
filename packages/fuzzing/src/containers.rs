//! The containers, and the smallest files of each that a reader of its structure accepts.

use imajin_fair_embed::Format;

use crate::work::Container;

macro_rules! containers {
    ($($name:ident: $constant:ident;)+) => {$(
        pub(crate) mod $name {
            pub(crate) fn run(data: &[u8]) {
                crate::work::run(&super::$constant, data);
            }

            pub(crate) fn seeds() -> Vec<Vec<u8>> {
                crate::work::seeds(&super::$constant)
            }
        }
    )+};
}

containers! {
    flac: FLAC;
    html: HTML;
    jpeg: JPEG;
    mp3: MP3;
    mp4: MP4;
    ogg: OGG;
    pdf: PDF;
    png: PNG;
    svg: SVG;
    text: TEXT;
    webp: WEBP;
    zip: ZIP;
}

const FLAC: Container = Container {
    format: Format::Flac,
    file_name: "a.flac",
    samples: &[
        b"fLaC\x80\0\0\x220123456789012345678901234567890123frames",
        b"fLaC\0\0\0\x220123456789012345678901234567890123\x81\0\0\x04\0\0\0\0frames",
    ],
};

const HTML: Container = Container {
    format: Format::Html,
    file_name: "a.html",
    samples: &[
        b"<!doctype html><html><head><title></head></title></head><body>\xe4</body></html>\n",
        b"<p>No head, no end",
    ],
};

const JPEG: Container = Container {
    format: Format::Jpeg,
    file_name: "a.jpg",
    samples: &[
        b"\xff\xd8\xff\xe0\0\x10JFIF\
          \0\x01\x02\0\0\x01\0\x01\0\0\xff\xdb\0\x05\0\x01\x02\xff\xda\0\x04\0\0\x12\x34\x56\xff\xd9",
        b"\xff\xd8\xff\xe2\0\x0aMPF\0II*\0\xff\xe3\0\x03x\xff\xda\0\x04\0\0\x12\x34\xff\xd9\xff\xd8second\xff\xd9",
    ],
};

const MP3: Container = Container {
    format: Format::Mp3,
    file_name: "a.mp3",
    samples: &[
        b"\xff\xfb\x90\x64sound",
        b"ID3\x03\0\0\0\0\0\x0fTIT2\0\0\0\x05\0\0\0work\xff\xfb\x90\x64sound",
        b"ID3\x04\0\0\0\0\0\x13TIT2\0\0\0\x05\0\0\0work\0\0\0\0\xff\xfb\x90\x64sound",
    ],
};

const MP4: Container = Container {
    format: Format::Mp4,
    file_name: "a.mp4",
    samples: &[
        b"\0\0\0\x14ftypisom\0\0\x02\0isom\0\0\0\x01free\0\0\0\0\0\0\0\x14abcd\0\0\0\x10mdat12345678\0\0\0\x08moov",
        b"\0\0\0\x14ftypisom\0\0\x02\0isom\0\0\0\x08moov\0\0\0\x10mdat12345678\0\0\0\x18mfra\0\0\0\x10mfro\
          \0\0\0\0\0\0\0\x18",
    ],
};

const OGG: Container = Container {
    format: Format::Ogg,
    file_name: "a.ogg",
    samples: &[
        b"OggS\0\x02\0\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x01\x02\x03\x04\x01\x07\x01vorbis\
          OggS\0\x04\0\0\0\0\0\0\0\0\x05\0\0\0\x01\0\0\0\x01\x02\x03\x04\x01\x05sound",
    ],
};

const PDF: Container = Container {
    format: Format::Pdf,
    file_name: "a.pdf",
    samples: &[
        b"%PDF-1.5\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n2 0 obj\n<</Type/Pages/Kids[]/Count 0>>\nendobj\n\
          xref\n0 3\n0000000000 65535 f \n0000000009 00000 n \n0000000054 00000 n \n\
          trailer\n<</Size 3/Root 1 0 R/ID[<00>(x\\)y)]>>\nstartxref\n100\n%%EOF\n",
        b"%PDF-1.5\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n2 0 obj\n<</Type/Pages/Kids[]/Count 0>>\nendobj\n\
          3 0 obj\n<</Type/XRef/Size 4/W[1 2 1]/Root 1 0 R/Length 16>>\nstream\
          \n\0\0\0\0\x01\0\x09\0\x01\x006\0\x01\0d\0\n\
          endstream\nendobj\nstartxref\n100\n%%EOF",
    ],
};

const PNG: Container = Container {
    format: Format::Png,
    file_name: "a.png",
    samples: &[
        b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\
          \0\0\0\x0dIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\0\x05\0\x01\xff\x89\x99\x3d\x1d\0\0\0\0IEND\xae\x42\x60\x82",
    ],
};

const SVG: Container = Container {
    format: Format::Svg,
    file_name: "a.svg",
    samples: &[
        b"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"><rect/></svg>\n",
        b"\xef\xbb\xbf<?xml version=\"1.0\"?>\n<!-- <svg> -->\n<!DOCTYPE s:svg [<!ENTITY a \"<svg>\">]>\n\
          <s:svg xmlns:s='http://www.w3.org/2000/svg' a='>'>\xc3\xa4</s:svg>",
    ],
};

const TEXT: Container = Container {
    format: Format::Text,
    file_name: "a.md",
    samples: &[
        b"# A note\n\nWith text.\n",
        b"---\ntitle: a\n---\ntext\n",
        b"\xef\xbb\xbf---\r\ntitle: a\r\n---\r\ntext\r\n",
        b"+++\ntitle = 'a'\n+++\ntext\n",
    ],
};

const WEBP: Container = Container {
    format: Format::Webp,
    file_name: "a.webp",
    samples: &[
        b"RIFF\x14\0\0\0WEBPVP8L\x08\0\0\0pictures",
        b"RIFF\x22\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0VP8 \x03\0\0\0abc\0trailing",
    ],
};

const ZIP: Container = Container {
    format: Format::Zip,
    file_name: "a.zip",
    samples: &[
        b"PK\x03\x04\x14\0\0\0\0\0\0\0!\\oa\xab,\x14\0\0\0\x14\0\0\0\x08\0\0\0mimetypeapplication/epub+zip\
          PK\x03\x04\x14\0\0\0\x08\0\0\0!\\T\x99_\x93\x0e\0\0\0\x0c\0\0\0\x16\0\0\0META-INF/container.xml\
          \xb3I\xce\xcf+I\xcc\xccK-\xd2\xb7\x03\0\
          PK\x01\x02\x14\x03\x14\0\0\0\0\0\0\0!\\oa\xab,\
          \x14\0\0\0\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\x80\x01\0\0\0\0mimetype\
          PK\x01\x02\x14\x03\x14\0\0\0\x08\0\0\0!\\T\x99_\
          \x93\x0e\0\0\0\x0c\0\0\0\x16\0\0\0\0\0\0\0\0\0\0\0\x80\x01:\0\0\0\
          META-INF/container.xmlPK\x05\x06\0\0\0\0\x02\0\x02\0z\0\0\0|\0\0\0\0\0",
        b"PK\x03\x04\x14\0\0\0\0\0\0\0!\\\x14\xa3E\x9fT\0\0\0T\0\0\0\x13\0\0\0[Content_Types].xml\
          <Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"></Types>\
          PK\x01\x02\x14\x03\x14\0\0\0\0\0\0\0!\\\x14\xa3E\x9fT\
          \0\0\0T\0\0\0\x13\0\0\0\0\0\0\0\0\0\0\0\x80\x01\0\0\0\0\
          [Content_Types].xmlPK\x05\x06\0\0\0\0\x01\0\x01\0A\0\0\0\x85\0\0\0\x04\0note",
    ],
};

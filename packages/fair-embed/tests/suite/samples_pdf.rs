//! The smallest PDFs that a reader opens, with either kind of cross-reference.

const OBJECTS: [&str; 5] = [
    "<< /Type /Catalog /Pages 2 0 R >>",
    "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] /Contents 4 0 R >>",
    "<< /Length 27 >>\nstream\n10 10 m 190 90 l S\n% a line\nendstream",
    "<< /Title (A work \\) of \\(art) >>",
];
const ENTRIES: &str = "/Root 1 0 R /Info 5 0 R /ID [<00112233445566778899aabbccddeeff> (x\\)y)]";

fn objects() -> (Vec<u8>, Vec<usize>) {
    let mut bytes = b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut places = Vec::new();
    for (number, object) in (1..).zip(OBJECTS) {
        places.push(bytes.len());
        bytes.extend(format!("{number} 0 obj\n{object}\nendobj\n").as_bytes());
    }
    (bytes, places)
}

pub(crate) fn with_table(more: &str) -> Vec<u8> {
    let (mut bytes, places) = objects();
    let at = bytes.len();
    bytes.extend(b"xref\n0 6\n0000000000 65535 f \n");
    for place in places {
        bytes.extend(format!("{place:010} 00000 n \n").as_bytes());
    }
    let trailer = format!("trailer\n<< /Size 6 {ENTRIES} {more}>>\nstartxref\n{at}\n%%EOF\n");
    bytes.extend(trailer.as_bytes());
    bytes
}

pub(crate) fn with_stream() -> Vec<u8> {
    let (mut bytes, places) = objects();
    let at = bytes.len();
    let mut lines = vec![0, 0, 0, 0, 0, 255, 255];
    for place in places.into_iter().chain([at]) {
        lines.push(1);
        lines.extend(u32::try_from(place).unwrap().to_be_bytes());
        lines.extend([0, 0]);
    }
    let length = lines.len();
    let head = format!("6 0 obj\n<< /Type /XRef /Size 7 /W [1 4 2] {ENTRIES} /Length {length} >>\nstream\n");
    bytes.extend(head.as_bytes());
    bytes.extend(lines);
    // Without a line end behind the last mark, as some programs leave it.
    bytes.extend(format!("\nendstream\nendobj\nstartxref\n{at}\n%%EOF").as_bytes());
    bytes
}

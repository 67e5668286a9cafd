/// A file's name, as far as it says what the file is.
#[derive(Debug, Clone)]
pub(crate) struct Name {
    extension: String,
}

impl Name {
    pub(crate) fn new(file_name: &str) -> Self {
        let extension = match file_name.rsplit_once('.') {
            Some((_, extension)) => extension.to_ascii_lowercase(),
            None => String::new(),
        };
        Self { extension }
    }

    pub(crate) fn ends_in(&self, extensions: &[&str]) -> bool {
        extensions.contains(&self.extension.as_str())
    }

    pub(crate) fn extension(&self) -> &str {
        &self.extension
    }
}

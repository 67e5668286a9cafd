pub fn audit() {}

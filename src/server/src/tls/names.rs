//! From the name that a client asks for to the certificates that are for it.
//! Not for: which of several a client can verify (`Terms::choose`).

use std::collections::HashMap;

/// Which certificates, by number, are for which names.
#[derive(Debug, Default)]
pub(super) struct Names {
    exact: HashMap<String, Vec<usize>>,
    /// By what stands below the first label.
    wild: HashMap<String, Vec<usize>>,
}

impl Names {
    /// Adds a certificate for a name in lower case, which may begin with `*.`.
    pub(super) fn add(&mut self, name: &str, cert: usize) {
        let (names, name) = match name.strip_prefix("*.") {
            Some(below) => (&mut self.wild, below),
            None => (&mut self.exact, name),
        };
        names.entry(name.to_owned()).or_default().push(cert);
    }

    /// The certificates for a name in lower case, in the order in which they were added: those that
    /// name it, or else those with a wildcard for its first label; none is empty.
    pub(super) fn find(&self, name: &str) -> &[usize] {
        let wild = || self.wild.get(name.split_once('.')?.1);
        self.exact.get(name).or_else(wild).map_or(&[], Vec::as_slice)
    }

    /// The certificates that were added for exactly this name, which may begin with `*.`.
    pub(super) fn added(&self, name: &str) -> &[usize] {
        let found = match name.strip_prefix("*.") {
            Some(below) => self.wild.get(below),
            None => self.exact.get(name),
        };
        found.map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_name_goes_before_a_wildcard_and_a_wildcard_is_one_label() {
        let mut names = Names::default();
        names.add("*.example.com", 0);
        names.add("a.example.com", 1);
        names.add("a.example.com", 2);
        names.add("example.com", 3);
        assert_eq!(names.find("a.example.com"), [1, 2]);
        assert_eq!(names.find("b.example.com"), [0]);
        assert_eq!(names.find("example.com"), [3]);
        for miss in ["c.b.example.com", "com", "", ".", ".example.org", "xexample.com"] {
            assert_eq!(names.find(miss), [0; 0], "{miss}");
        }
        assert_eq!(
            (names.added("*.example.com"), names.added("b.example.com")),
            (&[0][..], &[][..])
        );
    }
}

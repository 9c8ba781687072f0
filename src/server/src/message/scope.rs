//! Which clients a send is for, and how the head of its record says so.

/// Which clients of the app a send is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// The clients listed in the record.
    Listed,
    /// Every open client of the app.
    All,
    /// Every open client of the app but those listed.
    AllExcept,
    /// Every subscriber of the topic with this number but those listed.
    Subscribers(u64),
}

impl Scope {
    const LISTED: u8 = 0;
    const ALL: u8 = 1;
    const ALL_EXCEPT: u8 = 2;
    const SUBSCRIBERS: u8 = 3;

    /// The scope and the number of a topic as they lie in a head.
    #[inline]
    pub(super) fn parts(self) -> (u8, u64) {
        match self {
            Self::Listed => (Self::LISTED, 0),
            Self::All => (Self::ALL, 0),
            Self::AllExcept => (Self::ALL_EXCEPT, 0),
            Self::Subscribers(topic) => (Self::SUBSCRIBERS, topic),
        }
    }

    /// Reads them back; `None` only if they are not of [`Scope::parts`].
    pub(super) fn of_parts(scope: u8, topic: u64) -> Option<Self> {
        Some(match scope {
            Self::LISTED => Self::Listed,
            Self::ALL => Self::All,
            Self::ALL_EXCEPT => Self::AllExcept,
            Self::SUBSCRIBERS => Self::Subscribers(topic),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_comes_back_as_it_went() {
        for scope in [Scope::Listed, Scope::All, Scope::AllExcept, Scope::Subscribers(u64::MAX)] {
            let (kind, topic) = scope.parts();
            assert_eq!(Scope::of_parts(kind, topic), Some(scope));
        }
        assert_eq!(Scope::of_parts(4, 0), None);
    }
}
